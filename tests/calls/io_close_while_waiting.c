/* A descriptor is closed, replaced by dup2, or its number used again while other threads wait on it in read, write,
 * accept, connect, poll, select and epoll_wait. A call that has begun keeps what it began with; poll and select look the
 * number up again whenever they wake, and nothing but an event wakes them. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

static int ends[2];
static atomic_int waiting, finished;
static struct sockaddr_in address;

static void *reads(void *arg)
{
    char byte = 0;
    (void)arg;
    atomic_fetch_add(&waiting, 1);
    long got = read(ends[0], &byte, 1);
    atomic_fetch_add(&finished, 1);
    return (void *)(got == 1 ? (long)byte : got);
}

static void begin(void)
{
    atomic_store(&waiting, 0);
    atomic_store(&finished, 0);
}

static void settle(int count)
{
    wait_for(&waiting, count);
    wait_ticks(5);
}

/* Many readers of one descriptor that is closed: each byte goes to one of them, and nobody else's number is closed. */
static void many_readers(int sockets)
{
    pthread_t threads[5];
    int others[5][2];
    begin();
    CHECK_EQ(sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
    for (int i = 0; i < 5; i++)
        threads[i] = start(reads, NULL);
    settle(5);
    CHECK_EQ(close(ends[0]), 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(pipe(others[i]), 0);
    wait_ticks(3);
    CHECK_EQ(atomic_load(&finished), 0);
    CHECK_EQ(write(ends[1], "ab", 2), 2);
    wait_for(&finished, 2);
    wait_ticks(3);
    CHECK_EQ(atomic_load(&finished), 2);
    CHECK_EQ(write(ends[1], "cde", 3), 3);
    long sum = 0;
    for (int i = 0; i < 5; i++)
        sum += (long)join(threads[i]);
    CHECK_EQ(sum, 'a' + 'b' + 'c' + 'd' + 'e');
    for (int i = 0; i < 5; i++) {
        char byte = 0;
        CHECK_EQ(write(others[i][1], "o", 1), 1);
        CHECK_EQ(read(others[i][0], &byte, 1), 1);
        CHECK_EQ(byte, 'o');
        close(others[i][0]), close(others[i][1]);
    }
    /* The readers were the last who had that end. */
    CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
    close(ends[1]);
}

static void *writes(void *arg)
{
    static char data[1 << 20];
    (void)arg;
    atomic_fetch_add(&waiting, 1);
    return (void *)write(ends[1], data, sizeof data);
}

static void writer(int sockets)
{
    char buffer[4096];
    long got, sum = 0;
    begin();
    CHECK_EQ(sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
    pthread_t thread = start(writes, NULL);
    settle(1);
    CHECK_EQ(close(ends[1]), 0);
    int other = eventfd(0, 0);
    while ((got = read(ends[0], buffer, sizeof buffer)) > 0)
        sum += got;
    CHECK_EQ(got, 0);
    CHECK_EQ(sum, 1 << 20);
    CHECK_EQ((long)join(thread), 1 << 20);
    close(other), close(ends[0]);
}

static void *accepts(void *arg)
{
    (void)arg;
    atomic_fetch_add(&waiting, 1);
    return (void *)(long)accept(ends[0], NULL, NULL);
}

static void acceptor(int replace)
{
    begin();
    ends[0] = listen_tcp(&address, 4);
    pthread_t thread = start(accepts, NULL);
    settle(1);
    int other = eventfd(0, 0);
    if (replace)
        CHECK_EQ(dup2(other, ends[0]), ends[0]);
    else
        CHECK_EQ(close(ends[0]), 0);
    int client = connected_tcp(&address);
    int server = (int)(long)join(thread);
    CHECK(server >= 0);
    CHECK_EQ(write(server, "s", 1), 1);
    char byte;
    CHECK_EQ(read(client, &byte, 1), 1);
    if (replace)
        close(ends[0]);
    close(other), close(client), close(server);
}

struct watch {
    short revents;
    int result, timeout;
};

static void *polls(void *arg)
{
    struct watch *watch = arg;
    struct pollfd list = {.fd = ends[0], .events = POLLIN};
    atomic_fetch_add(&waiting, 1);
    watch->result = poll(&list, 1, watch->timeout);
    watch->revents = list.revents;
    atomic_fetch_add(&finished, 1);
    return NULL;
}

static void *selects(void *arg)
{
    struct watch *watch = arg;
    struct timeval time = {watch->timeout / 1000, watch->timeout % 1000 * 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    atomic_fetch_add(&waiting, 1);
    watch->result = select(ends[0] + 1, &set, NULL, NULL, watch->timeout < 0 ? NULL : &time);
    watch->revents = FD_ISSET(ends[0], &set) ? 1 : 0;
    atomic_fetch_add(&finished, 1);
    return NULL;
}

/* Closing does not wake; the event on what was closed does, and the number is then seen as closed, or as its successor. */
static void pollers(void *(*waits)(void *))
{
    struct watch watch = {.timeout = -1};
    int selecting = waits == selects;
    begin();
    CHECK_EQ(pipe(ends), 0);
    int copy = dup(ends[0]);
    pthread_t thread = start(waits, &watch);
    settle(1);
    CHECK_EQ(close(ends[0]), 0);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&finished), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    join(thread);
    CHECK_EQ(watch.result, 1);
    CHECK_EQ(watch.revents, selecting ? 1 : POLLNVAL);
    close(copy), close(ends[1]);

    begin();
    CHECK_EQ(pipe(ends), 0);
    thread = start(waits, &watch);
    settle(1);
    int gone = ends[0], writer = ends[1];
    CHECK_EQ(close(gone), 0);
    int successor = eventfd(0, 0);
    CHECK_EQ(successor, gone);
    CHECK_EQ(write(writer, "x", 1), 1);
    wait_ticks(5);
    /* Woken by what it began with, it saw the successor, which is not ready. */
    CHECK_EQ(atomic_load(&finished), 0);
    CHECK_EQ(eventfd_write(successor, 1), 0);
    wait_ticks(3);
    close(writer);
    join(thread);
    CHECK_EQ(watch.result, 1);
    CHECK_EQ(watch.revents, selecting ? 1 : POLLIN);
    close(successor);

    begin();
    CHECK_EQ(pipe(ends), 0);
    watch.timeout = 200;
    int64_t from = now_ns();
    thread = start(waits, &watch);
    settle(1);
    int late = atomic_load(&finished);
    CHECK_EQ(close(ends[0]), 0);
    join(thread);
    CHECK(now_ns() - from >= 200000000);
    CHECK(late || watch.result == 1);
    close(ends[1]);
}

static void *polls_for_nothing(void *arg)
{
    struct watch *watch = arg;
    struct pollfd list[2] = {{.fd = ends[0]}, {.fd = watch->timeout, .events = POLLIN}};
    atomic_fetch_add(&waiting, 1);
    watch->result = poll(list, 2, -1);
    watch->revents = list[0].revents;
    atomic_fetch_add(&finished, 1);
    return NULL;
}

/* What poll was not asked about does not wake it when the number goes: here the peer's end, which is there already. */
static void half_closed(void)
{
    struct watch watch;
    begin();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    watch.timeout = eventfd(0, 0);
    pthread_t thread = start(polls_for_nothing, &watch);
    settle(1);
    CHECK_EQ(close(ends[0]), 0);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&finished), 0);
    CHECK_EQ(eventfd_write(watch.timeout, 1), 0);
    join(thread);
    CHECK_EQ(watch.result, 2);
    CHECK_EQ(watch.revents, POLLNVAL);
    close(ends[1]), close(watch.timeout);
}

static void *waits_epoll(void *arg)
{
    struct epoll_event event;
    (void)arg;
    atomic_fetch_add(&waiting, 1);
    int got = epoll_wait(ends[0], &event, 1, -1);
    atomic_fetch_add(&finished, 1);
    return (void *)(long)(got == 1 ? event.data.fd : got);
}

/* An epoll instance closed while a thread waits in it goes on until that call returns. */
static void epoll_closed(void)
{
    begin();
    ends[0] = epoll_create1(0);
    int event = eventfd(0, 0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = 4711};
    CHECK_EQ(epoll_ctl(ends[0], EPOLL_CTL_ADD, event, &wanted), 0);
    pthread_t threads[2] = {start(waits_epoll, NULL), start(waits_epoll, NULL)};
    settle(2);
    CHECK_EQ(close(ends[0]), 0);
    int other = epoll_create1(0);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&finished), 0);
    CHECK_EQ(eventfd_write(event, 1), 0);
    CHECK_EQ((long)join(threads[0]), 4711);
    CHECK_EQ((long)join(threads[1]), 4711);
    close(other), close(event);
}

/* A set keeps what is registered as long as a duplicate lives, reports it under the closed number, and says it is not
 * there when that number is asked for. A waiter in it sees the event. */
static void epoll_keeps(void)
{
    struct epoll_event event, wanted = {.events = EPOLLIN};
    begin();
    int set = epoll_create1(0);
    int pipes[2];
    CHECK_EQ(pipe(pipes), 0);
    int copy = dup(pipes[0]);
    wanted.data.fd = pipes[0];
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, pipes[0], &wanted), 0);
    ends[0] = set;
    pthread_t thread = start(waits_epoll, NULL);
    settle(1);
    CHECK_EQ(close(pipes[0]), 0);
    wait_ticks(3);
    CHECK_EQ(atomic_load(&finished), 0);
    CHECK_ERRNO(epoll_ctl(set, EPOLL_CTL_DEL, pipes[0], NULL), EBADF);
    CHECK_EQ(write(pipes[1], "x", 1), 1);
    CHECK_EQ((long)join(thread), wanted.data.fd);
    CHECK_EQ(epoll_wait(set, &event, 1, 0), 1);
    CHECK_EQ(event.data.fd, wanted.data.fd);
    CHECK_EQ(close(copy), 0);
    CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
    close(pipes[1]), close(set);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    ticker_start();
    for (int i = 0; i < 3; i++) {
        many_readers(0);
        many_readers(1);
        writer(0);
        writer(1);
        acceptor(0);
        acceptor(1);
        pollers(polls);
        pollers(selects);
        half_closed();
        epoll_closed();
        epoll_keeps();
    }
    ticker_end();
    printf("done\n");
    return 0;
}
