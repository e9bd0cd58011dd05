/* Each call that waits for several descriptors does so while other threads run, and says which one became ready.
 * waits: poll, ppoll, select, pselect6, epoll_wait, epoll_pwait, epoll_pwait2
 * greens
 */
#include "waiting.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static int quiet[2], busy[2];

static void put(void *arg)
{
    (void)arg;
    CHECK_EQ(write(busy[1], "x", 1), 1);
}

static void take(void)
{
    char byte;
    CHECK_EQ(read(busy[0], &byte, 1), 1);
}

static void polls(void)
{
    struct timespec second = {60, 0};
    for (int with_time = 0; with_time < 2; with_time++) {
        struct pollfd both[2] = {{quiet[0], POLLIN, 0}, {busy[0], POLLIN, 0}};
        if (with_time)
            CHECK_EQ(WAITS(syscall(SYS_ppoll, both, 2, &second, NULL, 8), put, NULL), 1);
        else
            CHECK_EQ(WAITS(syscall(SYS_poll, both, 2, -1), put, NULL), 1);
        CHECK_EQ(both[0].revents, 0);
        CHECK_EQ(both[1].revents, POLLIN);
        take();
    }
}

static void selects(void)
{
    for (int with_mask = 0; with_mask < 2; with_mask++) {
        fd_set both;
        FD_ZERO(&both);
        FD_SET(quiet[0], &both);
        FD_SET(busy[0], &both);
        int count = busy[0] + 1;
        if (with_mask)
            CHECK_EQ(WAITS(syscall(SYS_pselect6, count, &both, NULL, NULL, NULL, NULL), put, NULL), 1);
        else
            CHECK_EQ(WAITS(syscall(SYS_select, count, &both, NULL, NULL, NULL), put, NULL), 1);
        CHECK(!FD_ISSET(quiet[0], &both));
        CHECK(FD_ISSET(busy[0], &both));
        take();
    }
}

static void epolls(void)
{
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = quiet[0]};
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, quiet[0], &event), 0);
    event.data.fd = busy[0];
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, busy[0], &event), 0);
    const int calls[] = {SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2};
    for (unsigned i = 0; i < COUNT_OF(calls); i++) {
        memset(&event, 0, sizeof event);
        long forever = calls[i] == SYS_epoll_pwait2 ? 0 : -1; /* a null pointer there */
        CHECK_EQ(WAITS(syscall(calls[i], set, &event, 1, forever, NULL, 8), put, NULL), 1);
        CHECK_EQ(event.data.fd, busy[0]);
        CHECK_EQ(event.events, EPOLLIN);
        take();
    }
    CHECK_EQ(close(set), 0);
}

int main(void)
{
    CHECK_EQ(pipe(quiet), 0);
    CHECK_EQ(pipe(busy), 0);
    waiting_begin();
    polls();
    selects();
    epolls();
    waiting_end();
    printf("done\n");
    return 0;
}
