/* poll and epoll report hang-ups, errors, half closes and urgent data with the same bits as Linux. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>

static void show(const char *what, int fd)
{
    struct pollfd one = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP};
    int set = epoll_create1(0), count = poll(&one, 1, 0);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    event.events = 0;
    int ready = epoll_wait(set, &event, 1, 0);
    CHECK_EQ(close(set), 0);
    printf("%s: poll %d %#x, epoll %d %#x\n", what, count, (unsigned)one.revents, ready, event.events);
}

static void *all(void *arg)
{
    int ends[2];
    (void)arg;
    CHECK_EQ(pipe(ends), 0);
    show("empty pipe, reader", ends[0]);
    show("empty pipe, writer", ends[1]);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    show("pipe with data", ends[0]);
    close(ends[1]);
    show("pipe with data, writer gone", ends[0]);
    close(ends[0]);
    CHECK_EQ(pipe(ends), 0);
    close(ends[0]);
    show("pipe, reader gone", ends[1]);
    close(ends[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    show("socket", ends[0]);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    show("socket, peer half closed", ends[0]);
    close(ends[1]);
    show("socket, peer gone", ends[0]);
    close(ends[0]);
    tcp_pair(ends);
    show("tcp", ends[0]);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    sleep_ms(5);
    show("tcp, peer half closed", ends[0]);
    close(ends[0]), close(ends[1]);
    struct sockaddr_in address;
    int listener = listen_tcp(&address, 4);
    show("listener", listener);
    close(listener);
    return NULL;
}

int main(void)
{
    join(start(all, NULL));
    return 0;
}
