/* epoll_wait, epoll_pwait and epoll_pwait2: time-outs never early, readiness while waiting, level and edge, one-shot,
 * changes to the set while a thread waits, bad arguments. */
#include "check.h"
#include <sys/epoll.h>

static int set, ends[2], other[2];
static atomic_int waiting;

static void add(int fd, uint32_t events, int data)
{
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)data};
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
}

static void *waits(void *arg)
{
    struct epoll_event events[4];
    (void)arg;
    atomic_store(&waiting, 1);
    CHECK_EQ(epoll_wait(set, events, 4, -1), 1);
    return (void *)(long)events[0].data.u32;
}

static pthread_t waiter(void)
{
    atomic_store(&waiting, 0);
    pthread_t thread = start(waits, NULL);
    wait_for(&waiting, 1);
    sleep_ms(5);
    return thread;
}

static void times_out(void)
{
    struct epoll_event events[4];
    struct timespec fine = {0, 1500000};
    int64_t from = now_ns();
    CHECK_EQ(epoll_wait(set, events, 4, 20), 0);
    CHECK(now_ns() - from >= 20000000);
    from = now_ns();
    CHECK_EQ(epoll_pwait(set, events, 4, 10, NULL), 0);
    CHECK(now_ns() - from >= 10000000);
    from = now_ns();
    int rc = epoll_pwait2(set, events, 4, &fine, NULL);
    CHECK(rc == 0 || errno == ENOSYS);
    CHECK(rc == -1 || now_ns() - from >= 1500000);
    CHECK_EQ(epoll_wait(set, events, 4, 0), 0);
}

int main(void)
{
    struct epoll_event events[4];
    char byte;
    ticker_start();
    set = epoll_create1(EPOLL_CLOEXEC);
    CHECK(set >= 0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(other), 0);
    times_out();
    add(ends[0], EPOLLIN, 1);
    times_out();
    pthread_t thread = waiter();
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ((long)join(thread), 1);
    CHECK_EQ(epoll_wait(set, events, 4, -1), 1);
    CHECK_EQ(read(ends[0], &byte, 1), 1);

    /* Added while somebody waits. */
    thread = waiter();
    CHECK_EQ(write(other[1], "x", 1), 1);
    add(other[0], EPOLLIN | EPOLLET, 2);
    CHECK_EQ((long)join(thread), 2);
    CHECK_EQ(epoll_wait(set, events, 4, 5), 0);
    CHECK_EQ(write(other[1], "x", 1), 1);
    CHECK_EQ(epoll_wait(set, events, 4, -1), 1);
    CHECK_EQ(epoll_wait(set, events, 4, 0), 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = 3};
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_MOD, other[0], &event), 0);
    CHECK_EQ(epoll_wait(set, events, 4, -1), 1);
    CHECK_EQ(events[0].data.u32, 3);
    CHECK_EQ(epoll_wait(set, events, 4, 5), 0);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, other[0], NULL), 0);
    CHECK_ERRNO(epoll_ctl(set, EPOLL_CTL_DEL, other[0], NULL), ENOENT);

    CHECK_ERRNO(epoll_wait(set, events, 0, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(ends[0], events, 1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(-1, events, 1, 0), EBADF);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_ERRNO(epoll_wait(set, (struct epoll_event *)8, 1, 1000), EFAULT);
    CHECK_EQ(epoll_wait(set, events, 4, 1000), 1);
    ticker_end();
    printf("done\n");
    return 0;
}
