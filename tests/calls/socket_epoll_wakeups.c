/* Eight processes, each with two threads that wait in epoll_wait(2) for one listener, which each thread's own epoll instance
 * watches with EPOLLEXCLUSIVE: each connection is served, by one of them. Natively it wakes the one that gets it, and not all;
 * here all of them (docs/limits.md, "Sockets"). SHOW_SLEEPS shows how often kernel threads of theirs went to sleep.
 */
#include "listener_children.h"
#include <sys/epoll.h>

/* Each thread of each process goes back to sleep once at most. */
#define MOST_SLEEPS_EACH (WAKEUP_PROCESSES * WAKEUP_THREADS)
static int listener;

static void *serves(void *arg)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int set = epoll_create1(EPOLL_CLOEXEC);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, listener, &event), 0);
    for (;;) {
        CHECK_EQ(epoll_wait(set, &event, 1, -1), 1);
        int fd = accept(listener, NULL, NULL);
        if (fd == -1 && errno == EAGAIN)
            continue;
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, "x", 1), 1);
        CHECK_EQ(close(fd), 0);
    }
    return arg;
}

int main(void)
{
    struct sockaddr_in address;
    listener = listen_tcp(&address, 64);
    CHECK_EQ(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    sleep_at_most(MOST_SLEEPS_EACH, &address, serves);
    printf("done\n");
    return 0;
}
