/* The calls that move bytes between descriptors, or at a place in them, wait for the other end while other threads run.
 * waits: preadv2, pwritev2, sendfile, splice, tee, vmsplice
 * greens
 */
#include "waiting.h"
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

/* More than the buffers between two TCP sockets hold. */
#define MUCH (16 << 20)

static int in[2], out[2];

static void put(void *arg)
{
    (void)arg;
    CHECK_EQ(write(in[1], "word", 4), 4);
}

static pthread_t drainer;

/* Takes all that comes, until the other end is closed. */
static void *drain(void *arg)
{
    static char place[1 << 16];
    long sum = 0, got;
    while ((got = read(*(int *)arg, place, sizeof place)) > 0)
        sum += got;
    CHECK_EQ(got, 0);
    return (void *)sum;
}

static void begin_to_drain(void *arg)
{
    drainer = start(drain, arg);
}

static void ends_of_pipes(void)
{
    CHECK_EQ(pipe(in), 0);
    CHECK_EQ(pipe(out), 0);
}

static void close_all(void)
{
    CHECK_EQ(close(in[0]), 0);
    CHECK_EQ(close(in[1]), 0);
    CHECK_EQ(close(out[0]), 0);
    CHECK_EQ(close(out[1]), 0);
}

static void check_word(int fd)
{
    char word[8];
    CHECK_EQ(read(fd, word, sizeof word), 4);
    CHECK_EQ(memcmp(word, "word", 4), 0);
}

/* Of a pipe, at the present place (-1), as read and write do. */
static void vectors(char *much)
{
    char word[8] = "";
    struct iovec part = {word, sizeof word}, all = {much, MUCH};
    ends_of_pipes();
    CHECK_EQ(WAITS(syscall(SYS_preadv2, in[0], &part, 1, -1L, -1L, 0), put, NULL), 4);
    CHECK_EQ(memcmp(word, "word", 4), 0);
    CHECK_EQ(WAITS(syscall(SYS_pwritev2, out[1], &all, 1, -1L, -1L, 0), begin_to_drain, &out[0]), MUCH);
    CHECK_EQ(close(out[1]), 0);
    CHECK_EQ(join(drainer), MUCH);
    out[1] = dup(out[0]);
    close_all();
}

static void pipes(char *much)
{
    ends_of_pipes();
    CHECK_EQ(WAITS(syscall(SYS_tee, in[0], out[1], 64, 0), put, NULL), 4);
    check_word(out[0]);
    check_word(in[0]);
    CHECK_EQ(WAITS(syscall(SYS_splice, in[0], NULL, out[1], NULL, 64, 0), put, NULL), 4);
    check_word(out[0]);
    /* Into a full pipe: it waits until there is any room, and fills that. */
    int size = fcntl(out[1], F_GETPIPE_SZ);
    CHECK_EQ(write(out[1], much, size), size);
    struct iovec some = {much, 4096};
    CHECK_EQ(WAITS(syscall(SYS_vmsplice, out[1], &some, 1, 0), begin_to_drain, &out[0]), 4096);
    CHECK_EQ(close(out[1]), 0);
    CHECK_EQ(join(drainer), size + 4096);
    out[1] = dup(out[0]);
    close_all();
}

static void from_a_file(void)
{
    int pair[2], file = memfd_create("file", MFD_CLOEXEC);
    CHECK_EQ(ftruncate(file, MUCH), 0);
    tcp_pair(pair);
    CHECK_EQ(WAITS(syscall(SYS_sendfile, pair[1], file, NULL, MUCH), begin_to_drain, &pair[0]), MUCH);
    CHECK_EQ(close(pair[1]), 0);
    CHECK_EQ(join(drainer), MUCH);
    CHECK_EQ(close(pair[0]), 0);
    CHECK_EQ(close(file), 0);
}

int main(void)
{
    char *much = calloc(1, MUCH);
    CHECK(much);
    waiting_begin();
    vectors(much);
    pipes(much);
    from_a_file();
    waiting_end();
    printf("done\n");
    return 0;
}
