/* Each call that moves bytes between descriptors, and the reads and writes with flags, wait while other threads run.
 * waits: sendfile, splice, tee, vmsplice, preadv2, pwritev2
 * greens
 */
#include "waiting.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

#define MUCH (8 << 20)
static char much[MUCH];

static void put(void *arg)
{
    CHECK_EQ(write(*(int *)arg, "word", 4), 4);
}

/* Takes all that is written to the descriptor, until the other end is closed. */
static void *drain(void *arg)
{
    static char place[1 << 16];
    long sum = 0, got;
    while ((got = read(*(int *)arg, place, sizeof place)) > 0)
        sum += got;
    CHECK_EQ(got, 0);
    return (void *)sum;
}

static pthread_t drainer;

static void begin_to_drain(void *arg)
{
    drainer = start(drain, arg);
}

static void drained(int pair[2], long sum)
{
    CHECK_EQ(close(pair[1]), 0);
    CHECK_EQ((long)join(drainer), sum);
    CHECK_EQ(close(pair[0]), 0);
}

int main(void)
{
    int a[2], b[2], tcp[2];
    char text[8];
    struct iovec word = {text, sizeof text}, all = {much, MUCH};
    waiting_begin();
    CHECK_EQ(pipe(a), 0);
    CHECK_EQ(pipe(b), 0);

    CHECK_EQ(WAITS(syscall(SYS_splice, a[0], NULL, b[1], NULL, 8, 0), put, &a[1]), 4);
    CHECK_EQ(read(b[0], text, 8), 4);
    CHECK_EQ(memcmp(text, "word", 4), 0);
    CHECK_EQ(WAITS(syscall(SYS_tee, a[0], b[1], 8, 0), put, &a[1]), 4);
    CHECK_EQ(read(a[0], text, 8), 4);
    CHECK_EQ(WAITS(syscall(SYS_vmsplice, a[0], &word, 1, 0), put, &a[1]), 4);
    CHECK_EQ(memcmp(text, "word", 4), 0);
    CHECK_EQ(read(b[0], text, 8), 4);
    CHECK_EQ(WAITS(syscall(SYS_preadv2, a[0], &word, 1, -1L, -1L, RWF_SYNC), put, &a[1]), 4);
    CHECK_EQ(WAITS(syscall(SYS_preadv2, a[0], &word, 1, -1L, -1L, 0), put, &a[1]), 4);

    CHECK_EQ(pipe(b), 0);
    CHECK_EQ(WAITS(syscall(SYS_pwritev2, b[1], &all, 1, -1L, -1L, 0), begin_to_drain, &b[0]), MUCH);
    drained(b, MUCH);
    tcp_pair(tcp);
    CHECK_EQ(WAITS(syscall(SYS_pwritev2, tcp[1], &all, 1, -1L, -1L, RWF_SYNC), begin_to_drain, &tcp[0]), MUCH);
    drained(tcp, MUCH);

    char name[] = "/tmp/lichen-waiting-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0);
    CHECK_EQ(unlink(name), 0);
    CHECK_EQ(write(file, much, MUCH), MUCH);
    CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
    tcp_pair(tcp);
    CHECK_EQ(WAITS(syscall(SYS_sendfile, tcp[1], file, NULL, MUCH), begin_to_drain, &tcp[0]), MUCH);
    drained(tcp, MUCH);
    waiting_end();
    printf("done\n");
    return 0;
}
