/* An epoll inside an epoll, inside poll and inside select wakes the outer waiter. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static int inner, outer, ends[2];

static void *feeds(void *arg)
{
    (void)arg;
    sleep_ms(10);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    return NULL;
}

static void *waits(void *arg)
{
    struct epoll_event event;
    struct pollfd one = {outer, POLLIN, 0};
    fd_set set;
    char byte;
    (void)arg;
    for (int how = 0; how < 3; how++) {
        pthread_t thread = start(feeds, NULL);
        if (how == 0)
            CHECK_EQ(epoll_wait(outer, &event, 1, -1), 1);
        if (how == 1)
            CHECK_EQ(poll(&one, 1, -1), 1);
        if (how == 2) {
            FD_ZERO(&set);
            FD_SET(outer, &set);
            CHECK_EQ(select(outer + 1, &set, NULL, NULL, NULL), 1);
        }
        CHECK_EQ(epoll_wait(inner, &event, 1, 0), 1);
        CHECK_EQ(read(ends[0], &byte, 1), 1);
        CHECK_EQ(epoll_wait(outer, &event, 1, 0), 0);
        join(thread);
    }
    return NULL;
}

int main(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    inner = epoll_create1(0);
    outer = epoll_create1(0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(epoll_ctl(inner, EPOLL_CTL_ADD, ends[0], &event), 0);
    CHECK_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
    CHECK_ERRNO(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event), ELOOP);
    join(start(waits, NULL));
    printf("done\n");
    return 0;
}
