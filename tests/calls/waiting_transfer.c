/* Each call that moves bytes between descriptors, and the reads and writes with flags, wait while other threads run.
 * waits: sendfile, splice, tee, vmsplice, preadv2, pwritev2
 * greens
 */
#include "waiting.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

/* More than the buffers between two TCP sockets hold. */
#define MUCH (16 << 20)
static char much[MUCH];
static struct iovec all = {much, MUCH};

static void check_word(int fd)
{
    char text[8];
    CHECK_EQ(read(fd, text, sizeof text), 4);
    CHECK_EQ(memcmp(text, "word", 4), 0);
}

static void pipes(void)
{
    int a[2], b[2];
    char text[8];
    struct iovec word = {text, sizeof text}, page = {much, 4096};
    CHECK_EQ(pipe(a), 0);
    CHECK_EQ(pipe(b), 0);
    CHECK_EQ(WAITS(syscall(SYS_splice, a[0], NULL, b[1], NULL, 8, 0), put_word, &a[1]), 4);
    check_word(b[0]);
    CHECK_EQ(WAITS(syscall(SYS_tee, a[0], b[1], 8, 0), put_word, &a[1]), 4);
    check_word(b[0]);
    check_word(a[0]);
    /* Into memory, as a read; and out of it into a full pipe: it waits until there is any room, and fills that. */
    CHECK_EQ(WAITS(syscall(SYS_vmsplice, a[0], &word, 1, 0), put_word, &a[1]), 4);
    CHECK_EQ(memcmp(text, "word", 4), 0);
    int size = fcntl(b[1], F_GETPIPE_SZ);
    CHECK_EQ(write(b[1], much, size), size);
    CHECK_EQ(WAITS(syscall(SYS_vmsplice, b[1], &page, 1, 0), begin_to_drain, &b[0]), 4096);
    drained(b, size + 4096);
    CHECK_EQ(close(a[0]), 0);
    CHECK_EQ(close(a[1]), 0);
}

/* At the present place (-1), as read and write do. */
static void vectors(int flags)
{
    int ends[2];
    char text[8];
    struct iovec word = {text, sizeof text};
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(WAITS(syscall(SYS_preadv2, ends[0], &word, 1, -1L, -1L, flags), put_word, &ends[1]), 4);
    CHECK_EQ(memcmp(text, "word", 4), 0);
    CHECK_EQ(WAITS(syscall(SYS_pwritev2, ends[1], &all, 1, -1L, -1L, flags), begin_to_drain, &ends[0]), MUCH);
    drained(ends, MUCH);
    tcp_pair(ends);
    CHECK_EQ(WAITS(syscall(SYS_pwritev2, ends[1], &all, 1, -1L, -1L, flags), begin_to_drain, &ends[0]), MUCH);
    drained(ends, MUCH);
}

static void from_a_file(void)
{
    int ends[2];
    char name[] = "/tmp/lichen-waiting-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0);
    CHECK_EQ(unlink(name), 0);
    CHECK_EQ(ftruncate(file, MUCH), 0);
    tcp_pair(ends);
    CHECK_EQ(WAITS(syscall(SYS_sendfile, ends[1], file, NULL, MUCH), begin_to_drain, &ends[0]), MUCH);
    drained(ends, MUCH);
    CHECK_EQ(close(file), 0);
}

int main(void)
{
    waiting_begin();
    pipes();
    vectors(0);
    vectors(RWF_SYNC);
    from_a_file();
    waiting_end();
    printf("done\n");
    return 0;
}
