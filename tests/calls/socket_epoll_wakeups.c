/* Eight processes, each with two threads that wait in epoll_wait(2) for one listener, which each thread's own epoll instance
 * watches with EPOLLEXCLUSIVE: each connection is served, by one of them. Natively it wakes the one that gets it, and not all;
 * here all of them (docs/limits.md, "Sockets"). SHOW_SLEEPS shows how often kernel threads of theirs went to sleep.
 */
#include "listener_children.h"
#include <sys/epoll.h>

#define PROCESSES 8
#define CONNECTIONS 40
/* Each thread of each process goes back to sleep once at most. */
#define MOST_SLEEPS_EACH (2 * PROCESSES)
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

static void one_connection(const struct sockaddr_in *address)
{
    char byte;
    int fd = connected_tcp(address);
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_EQ(close(fd), 0);
}

int main(void)
{
    struct sockaddr_in address;
    pid_t children[PROCESSES];
    listener = listen_tcp(&address, 64);
    CHECK_EQ(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    begin_children(children, PROCESSES, 2, serves);
    for (int i = 0; i < 2 * PROCESSES; i++)
        one_connection(&address);
    long before = sleeps_of_all(children, PROCESSES);
    for (int i = 0; i < CONNECTIONS; i++)
        one_connection(&address);
    long sleeps = sleeps_of_all(children, PROCESSES) - before;
    if (getenv("SHOW_SLEEPS"))
        dprintf(2, "%ld sleeps for %d connections\n", sleeps, CONNECTIONS);
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(kill(children[i], SIGKILL), 0);
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(wait_status(children[i]), SIGKILL);
    CHECK(sleeps <= CONNECTIONS * MOST_SLEEPS_EACH);
    printf("done\n");
    return 0;
}
