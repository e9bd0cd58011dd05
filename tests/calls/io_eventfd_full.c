/* An eventfd that has room for 1 and not for what is written: the writer waits alone, although poll(2) says that it can be
 * written; a read lets it go on. What cannot be written at all says EINVAL at once: too few bytes, several pieces, an epoll
 * instance, a timer. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static int fd_now;
static uint64_t value_now;
static atomic_int begun;

static void *writes(void *arg)
{
    (void)arg;
    atomic_store(&begun, 1);
    return (void *)write(fd_now, &value_now, 8);
}

int main(void)
{
    uint64_t value = 5;
    pthread_t thread = start(writes, (fd_now = eventfd(0, 0), value_now = 1, NULL));
    CHECK_EQ((long)join(thread), 8);
    CHECK_EQ(write(fd_now, &value, 8), 8);

    atomic_store(&begun, 0);
    value_now = UINT64_MAX - 1;
    thread = start(writes, NULL);
    while (!atomic_load(&begun))
        sched_yield();
    usleep(20000); /* nobody would come here if the writer held up all */
    struct pollfd ready = {fd_now, POLLOUT, 0};
    CHECK_EQ(poll(&ready, 1, 0), 1);
    CHECK_EQ(read(fd_now, &value, 8), 8);
    CHECK_EQ(value, 6);
    CHECK_EQ((long)join(thread), 8);
    CHECK_EQ(read(fd_now, &value, 8), 8);
    printf("all of it: %d\n", value == UINT64_MAX - 1);

    struct iovec parts[2] = {{&value, 4}, {(char *)&value + 4, 4}};
    int timer = timerfd_create(CLOCK_MONOTONIC, 0), instance = epoll_create1(0);
    int cannot[] = {fd_now, timer, instance};
    for (size_t i = 0; i < COUNT_OF(cannot); i++) {
        CHECK_ERRNO(writev(cannot[i], parts, 2), EINVAL);
        CHECK_ERRNO(write(cannot[i], &value, 4), EINVAL);
        if (i > 0)
            CHECK_ERRNO(write(cannot[i], &value, 8), EINVAL);
    }
    printf("EINVAL\n");
    return 0;
}
