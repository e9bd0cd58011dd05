/* tee() and vmsplice() that wait for an empty or a full pipe while another thread runs. vmsplice() does not look at
 * O_NONBLOCK, only at its own flag.
 */
#include "check.h"
#include <sys/uio.h>

static char buffer[65536];

struct job {
    int from, to;
    atomic_int begun;
};

static void *tees(void *arg)
{
    struct job *job = arg;
    atomic_store(&job->begun, 1);
    return (void *)tee(job->from, job->to, 100, 0);
}

static void *maps(void *arg)
{
    struct job *job = arg;
    struct iovec vector = {buffer, 5};
    atomic_store(&job->begun, 1);
    return (void *)vmsplice(job->from >= 0 ? job->from : job->to, &vector, 1, 0);
}

static void fill(int fd)
{
    CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (write(fd, buffer, 4096) > 0)
        ;
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
}

static void waits(const char *what, void *(*function)(void *), struct job job, int feed, int sink)
{
    pthread_t thread = start(function, &job);
    wait_for(&job.begun, 1);
    wait_ticks(5);
    if (feed >= 0)
        CHECK_EQ(write(feed, "hello", 5), 5);
    else
        CHECK(read(sink, buffer, sizeof buffer) > 0);
    CHECK_EQ((long)join(thread), 5);
    printf("%s\n", what);
}

int main(void)
{
    int a[2], b[2];
    char text[8];
    ticker_start();
    CHECK_EQ(pipe(a), 0);
    CHECK_EQ(pipe(b), 0);
    waits("tee, empty source", tees, (struct job){.from = a[0], .to = b[1]}, a[1], -1);
    CHECK_EQ(read(b[0], text, 8), 5);
    fill(b[1]);
    waits("tee, full target", tees, (struct job){.from = a[0], .to = b[1]}, -1, b[0]);
    CHECK_EQ(read(a[0], text, 8), 5);
    CHECK_ERRNO(tee(a[0], b[1], 5, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERRNO(tee(a[0], a[1], 5, 0), EINVAL);
    CHECK_ERRNO(tee(a[1], b[1], 5, 0), EBADF);
    CHECK_EQ(tee(a[0], b[1], 0, 0), 0);

    CHECK_EQ(pipe(b), 0);
    waits("vmsplice, empty pipe", maps, (struct job){.from = a[0]}, a[1], -1);
    CHECK_EQ(memcmp(buffer, "hello", 5), 0);
    fill(b[1]);
    waits("vmsplice, full pipe", maps, (struct job){.from = -1, .to = b[1]}, -1, b[0]);

    CHECK_EQ(pipe2(a, O_NONBLOCK), 0);
    struct iovec vector = {buffer, 5};
    CHECK_ERRNO(vmsplice(a[0], &vector, 1, SPLICE_F_NONBLOCK), EAGAIN);
    waits("vmsplice, pipe with O_NONBLOCK", maps, (struct job){.from = a[0]}, a[1], -1);
    CHECK_ERRNO(vmsplice(-1, &vector, 1, 0), EBADF);
    vector.iov_base = (void *)8;
    CHECK_EQ(write(a[1], "hello", 5), 5);
    CHECK_ERRNO(vmsplice(a[0], &vector, 1, 0), EFAULT);
    ticker_end();
    printf("done\n");
    return 0;
}
