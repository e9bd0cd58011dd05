/*
 * The server one writes by hand when threads are too dear: one thread, non-blocking sockets, level-triggered epoll.
 * The yardstick of scripts/bench, so it is meant to be good: per request one read and one write, no epoll_ctl, no
 * allocation, one buffer for all connections (a connection gets memory of its own only while it holds half a request or
 * an unsent rest). scripts/bench --only syscalls proves these counts by strace.
 *
 * With LINES each connection has memory of its own instead, and touches so many cache lines of it (own.h).
 *
 * usage: epoll [PORT [LINES]]        prints "port N", ends with status 0 on SIGTERM
 */
#include "answer.h"
#include "listen.h"
#include "own.h"

#include <errno.h>
#include <sys/epoll.h>

enum { BATCH = 512, AHEAD = 2 };

/* What a connection holds between two events; NULL in the table means nothing, which is nearly always. */
struct held {
    size_t have, unsent, sent; /* bytes of a half request; length of a half-sent response and how much of it went out */
    int closing;
    char in[REQUEST_MAX], out[RESPONSE_MAX];
};

static int epoll_fd;
static struct held **table; /* by descriptor */
static size_t table_size;

static void watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll_fd, operation, fd, &event) < 0)
        die("epoll_ctl");
}

static void grow_table(int fd)
{
    if ((size_t)fd < table_size)
        return;
    size_t size = (size_t)fd * 2 + 1024;
    struct held **bigger = realloc(table, size * sizeof *table);
    if (!bigger)
        die("realloc");
    memset(bigger + table_size, 0, (size - table_size) * sizeof *table);
    table = bigger;
    table_size = size;
}

static struct held *hold(int fd)
{
    if (!table[fd] && !(table[fd] = calloc(1, sizeof **table)))
        die("calloc");
    return table[fd];
}

static void drop(int fd)
{
    free(table[fd]);
    table[fd] = NULL;
    close(fd);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN)
                return;
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            die("accept4");
        }
        grow_table(fd);
        watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

/* Sends; keeps what the socket does not take and waits for room. Returns 0 if all went out, 1 if some is held, -1 on error. */
static int send_or_hold(int fd, const char *bytes, size_t n)
{
    ssize_t done = write(fd, bytes, n);
    if (done == (ssize_t)n)
        return 0;
    if (done < 0 && errno != EAGAIN && errno != EINTR)
        return -1;
    size_t sent = done > 0 ? (size_t)done : 0;
    struct held *held = hold(fd);
    held->unsent = n - sent;
    held->sent = 0;
    memcpy(held->out, bytes + sent, n - sent);
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
    return 1;
}

/* Answers each complete request in bytes[0..n); keeps a rest. Returns -1 when the connection is over. */
static int answer_all(int fd, const char *bytes, size_t n)
{
    char shared[RESPONSE_MAX], *out = own_base ? own_out(fd) : shared;
    size_t length;
    while ((length = request_length(bytes, n))) {
        int closing = wants_close(bytes, length);
        int state = send_or_hold(fd, out, answer(bytes, length, out));
        if (state < 0 || (closing && state == 0))
            return -1;
        bytes += length;
        n -= length;
        if (state == 1) {
            table[fd]->closing = closing;
            break;
        }
    }
    if (n) {
        struct held *held = hold(fd);
        memmove(held->in, bytes, n);
        held->have = n;
    } else if (table[fd] && table[fd]->unsent) {
        table[fd]->have = 0;
    } else if (table[fd]) {
        free(table[fd]);
        table[fd] = NULL;
    }
    return 0;
}

static void readable(int fd)
{
    static char shared[REQUEST_MAX];
    struct held *held = table[fd];
    if (own_base)
        own_touch(fd);
    char *in = held ? held->in : own_base ? own_in(fd) : shared;
    size_t have = held ? held->have : 0;
    ssize_t got = have < REQUEST_MAX ? read(fd, in + have, REQUEST_MAX - have) : 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || answer_all(fd, in, have + (size_t)got) < 0)
        drop(fd);
}

static void writable(int fd)
{
    struct held *held = table[fd];
    ssize_t done = write(fd, held->out + held->sent, held->unsent);
    if (done < 0) {
        if (errno != EAGAIN && errno != EINTR)
            drop(fd);
        return;
    }
    held->sent += (size_t)done;
    held->unsent -= (size_t)done;
    if (held->unsent)
        return;
    if (held->closing) {
        drop(fd);
        return;
    }
    watch(EPOLL_CTL_MOD, fd, EPOLLIN);
    size_t have = held->have;
    held->have = 0;
    if (have && answer_all(fd, held->in, have) < 0)
        drop(fd);
}

int main(int argc, char **argv)
{
    int listener = listen_and_say_where(argc, argv, SOCK_NONBLOCK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        die("epoll_create1");
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    grow_table(listener);
    if (argc > 2)
        own_begin(atoi(argv[2]));

    static struct epoll_event events[BATCH];
    for (;;) {
        int n = epoll_wait(epoll_fd, events, BATCH, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (own_base && i + AHEAD < n)
                own_fetch(events[i + AHEAD].data.fd);
            if (fd == listener)
                accept_all(listener);
            else if (events[i].events & EPOLLOUT)
                writable(fd);
            else
                readable(fd);
        }
    }
}
