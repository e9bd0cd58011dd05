/* preadv2() and pwritev2() on what can be waited for, and the calls with an offset, which say ESPIPE there at once.
 * RWF_NOWAIT of the program does not wait; other flags wait while another thread runs.
 */
#include "check.h"
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

struct job {
    int fd, flags;
    size_t len;
    atomic_int begun;
};

static char big[200000], got[200000];

static void *reads(void *arg)
{
    struct job *job = arg;
    struct iovec vector[2] = {{got, 2}, {got + 2, job->len - 2}};
    atomic_store(&job->begun, 1);
    return (void *)preadv2(job->fd, vector, 2, -1, job->flags);
}

static void *writes(void *arg)
{
    struct job *job = arg;
    struct iovec vector[2] = {{big, 2}, {big + 2, job->len - 2}};
    atomic_store(&job->begun, 1);
    return (void *)pwritev2(job->fd, vector, 2, -1, job->flags);
}

static void waits(const char *what, int fd, int feed, int flags)
{
    struct job job = {.fd = fd, .flags = flags, .len = 64};
    struct iovec vector = {got, 8};
    CHECK_ERRNO(pread(fd, got, 8, 0), ESPIPE);
    CHECK_ERRNO(preadv(fd, &vector, 1, 0), ESPIPE);
    CHECK_ERRNO(preadv2(fd, &vector, 1, 0, 0), ESPIPE);
    CHECK_ERRNO(pwrite(feed, got, 8, 0), ESPIPE);
    CHECK_ERRNO(pwritev(feed, &vector, 1, 0), ESPIPE);
    pthread_t thread = start(reads, &job);
    wait_for(&job.begun, 1);
    wait_ticks(4);
    CHECK_EQ(write(feed, "hello!!\n", 8), 8);
    CHECK_EQ((long)join(thread), 8);
    printf("%s, flags %d\n", what, flags);
}

static void fills(const char *what, int fd, int sink, int flags)
{
    struct job job = {.fd = fd, .flags = flags, .len = sizeof big};
    pthread_t thread = start(writes, &job);
    wait_for(&job.begun, 1);
    wait_ticks(4);
    for (size_t done = 0; done < sizeof big;) {
        ssize_t n = read(sink, got + done, sizeof big - done);
        CHECK(n > 0);
        done += n;
    }
    CHECK_EQ((long)join(thread), sizeof big);
    CHECK_EQ(memcmp(big, got, sizeof big), 0);
    printf("%s, flags %d, all written\n", what, flags);
}

int main(void)
{
    int ends[2], tcp[2], flags[] = {0, RWF_SYNC};
    char folder[] = "/tmp/lichen-fifo-XXXXXX", fifo[64];
    struct iovec vector = {got, 8};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + i / 251);
    ticker_start();
    CHECK_EQ(pipe(ends), 0);
    tcp_pair(tcp);
    CHECK(mkdtemp(folder));
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    int both = open(fifo, O_RDWR), event = eventfd(0, 0), master, terminal;
    CHECK(both >= 0 && event >= 0);
    CHECK_EQ(openpty(&master, &terminal, NULL, NULL, NULL), 0);
    for (int i = 0; i < 2; i++) {
        waits("pipe", ends[0], ends[1], flags[i]);
        waits("tcp", tcp[0], tcp[1], flags[i]);
        waits("fifo", both, both, flags[i]);
        waits("eventfd", event, event, flags[i]);
        waits("terminal", terminal, master, flags[i]);
        fills("pipe", ends[1], ends[0], flags[i]);
        fills("fifo", both, both, flags[i]);
        fills("tcp", tcp[1], tcp[0], flags[i]);
    }
    CHECK_ERRNO(preadv2(tcp[0], &vector, 1, -1, RWF_NOWAIT), EAGAIN);
    CHECK_ERRNO(preadv2(both, &vector, 1, -1, RWF_NOWAIT), EOPNOTSUPP);
    CHECK_ERRNO(preadv2(tcp[0], &vector, 1, -1, 1 << 30), EOPNOTSUPP);
    volatile int many = 2000;
    CHECK_ERRNO(preadv2(tcp[0], &vector, many, -1, RWF_SYNC), EINVAL);
    CHECK_EQ(preadv2(tcp[0], &vector, 0, -1, RWF_SYNC), 0);
    CHECK_EQ(unlink(fifo), 0);
    CHECK_EQ(rmdir(folder), 0);

    FILE *file = tmpfile();
    CHECK_EQ(pwrite(fileno(file), "hello", 5, 10), 5);
    CHECK_EQ(pread(fileno(file), got, 8, 10), 5);
    CHECK_EQ(preadv2(fileno(file), &vector, 1, 11, 0), 4);
    ticker_end();
    printf("done\n");
    return 0;
}
