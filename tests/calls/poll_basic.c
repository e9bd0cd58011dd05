/* poll, ppoll, select and pselect: time-outs, readiness that comes while waiting, several descriptors, bad arguments. */
#include "check.h"
#include <poll.h>
#include <sys/select.h>

static int ends[2], other[2];

static void *feeds(void *arg)
{
    (void)arg;
    sleep_ms(15);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    return NULL;
}

static void with_poll(void)
{
    char byte;
    struct timespec time = {0, 20000000}, bad = {0, -5};
    struct pollfd list[3] = {{ends[0], POLLIN, 0}, {other[0], POLLIN, 0}, {-1, POLLIN, 77}};
    int64_t from = now_ns();
    CHECK_EQ(poll(list, 3, 20), 0);
    CHECK(now_ns() - from >= 20000000);
    CHECK_EQ(list[2].revents, 0);
    from = now_ns();
    CHECK_EQ(ppoll(list, 3, &time, NULL), 0);
    CHECK(now_ns() - from >= 20000000);
    CHECK_EQ(time.tv_nsec, 20000000);
    CHECK_EQ(poll(list, 3, 0), 0);
    CHECK_EQ(poll(NULL, 0, 5), 0);
    pthread_t thread = start(feeds, NULL);
    CHECK_EQ(poll(list, 3, -1), 1);
    CHECK_EQ(list[0].revents, POLLIN);
    CHECK_EQ(list[1].revents, 0);
    join(thread);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    thread = start(feeds, NULL);
    CHECK_EQ(ppoll(list, 3, NULL, NULL), 1);
    join(thread);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    list[1].fd = 9999;
    CHECK_EQ(poll(list, 3, -1), 1);
    CHECK_EQ(list[1].revents, POLLNVAL);
    list[1] = (struct pollfd){ends[1], POLLOUT | POLLIN, 0};
    CHECK_EQ(poll(list, 3, 1000), 1);
    CHECK_EQ(list[1].revents, POLLOUT);
    CHECK_ERRNO(poll((struct pollfd *)8, 1, 0), EFAULT);
    CHECK_ERRNO(poll((struct pollfd *)8, 1, 1000), EFAULT);
    CHECK_ERRNO(poll(list, 1u << 30, 0), EINVAL);
    CHECK_ERRNO(ppoll(list, 1, &bad, NULL), EINVAL);
    /* glibc's own ppoll copies the time, so the bad pointer goes by the bare call. */
    CHECK_ERRNO(syscall(SYS_ppoll, list, 1L, 8L, 0L, 8L), EFAULT);
}

static void with_select(void)
{
    char byte;
    fd_set set, many;
    struct timeval time = {0, 20000};
    struct timespec exact = {0, 20000000};
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    FD_SET(other[0], &set);
    int64_t from = now_ns();
    CHECK_EQ(select(64, &set, NULL, NULL, &time), 0);
    CHECK(now_ns() - from >= 20000000);
    CHECK(!FD_ISSET(ends[0], &set));
    CHECK_EQ(time.tv_usec, 0);
    FD_SET(ends[0], &set);
    from = now_ns();
    CHECK_EQ(pselect(64, &set, NULL, NULL, &exact, NULL), 0);
    CHECK(now_ns() - from >= 20000000);
    FD_SET(ends[0], &set);
    FD_SET(other[0], &set);
    FD_ZERO(&many);
    pthread_t thread = start(feeds, NULL);
    CHECK_EQ(select(64, &set, NULL, &many, NULL), 1);
    CHECK(FD_ISSET(ends[0], &set) && !FD_ISSET(other[0], &set));
    join(thread);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    FD_ZERO(&set);
    FD_SET(ends[1], &set);
    time = (struct timeval){5, 0};
    CHECK_EQ(select(64, NULL, &set, NULL, &time), 1);
    time = (struct timeval){0, 3000};
    CHECK_EQ(select(0, NULL, NULL, NULL, &time), 0);
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &time), EINVAL);
    FD_ZERO(&set);
    FD_SET(60, &set);
    CHECK_ERRNO(select(64, &set, NULL, NULL, NULL), EBADF);
    CHECK_ERRNO(select(64, (fd_set *)8, NULL, NULL, NULL), EFAULT);
    time.tv_sec = -1;
    CHECK_ERRNO(select(0, NULL, NULL, NULL, &time), EINVAL);
}

static void *all(void *arg)
{
    (void)arg;
    with_poll();
    with_select();
    return NULL;
}

int main(void)
{
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(other), 0);
    ticker_start();
    in_both_threads(all);
    ticker_end();
    printf("done\n");
    return 0;
}
