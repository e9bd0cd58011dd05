/* A writer that waits for room when the other end goes away, or a signal comes: what it returns, whether SIGPIPE is
 * raised and in which thread, and what the next calls say. write, writev, send, sendmsg; pipe, unix, TCP. */
#include "moving.h"
#include <sys/ioctl.h>

#define SIZE (8 << 20)
static char *data;
static atomic_int pipe_signals, other_thread;

static void on_pipe(int number)
{
    (void)number;
    if (!pthread_equal(pthread_self(), moving.thread))
        atomic_store(&other_thread, 1);
    atomic_fetch_add(&pipe_signals, 1);
}

static pthread_t writer(int fd, enum way way, size_t size)
{
    atomic_store(&pipe_signals, 0);
    return move_begin(way, fd, data, size, 0);
}

static int pending_error(int fd)
{
    int error = -1;
    socklen_t size = sizeof error;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    return error;
}

static void after(const char *what, int fd, int socket)
{
    char byte;
    printf("%s: %s", what, moving.result > 0 ? "part" : moving.result == 0 ? "0" : strerrorname_np(moving.error));
    printf(", SIGPIPE %d", atomic_exchange(&pipe_signals, 0));
    if (socket) {
        moving.thread = pthread_self();
        long got = write(fd, "x", 1);
        printf("; then write %s", got < 0 ? strerrorname_np(errno) : "1");
        printf(" SIGPIPE %d, SO_ERROR %d", atomic_exchange(&pipe_signals, 0), pending_error(fd));
        got = recv(fd, &byte, 1, MSG_DONTWAIT);
        printf(", recv %s", got < 0 ? strerrorname_np(errno) : got ? "1" : "0");
    }
    printf("\n");
}

static void pipes(void)
{
    int ends[2];
    for (enum way way = WRITE; way <= WRITEV; way++) {
        CHECK_EQ(pipe(ends), 0);
        pthread_t thread = writer(ends[1], way, SIZE);
        close(ends[0]);
        join(thread);
        after("pipe, reader gone after a part", ends[1], 0);
        close(ends[1]);
        CHECK_EQ(pipe(ends), 0);
        while (fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 && write(ends[1], data, 4096) > 0)
            ;
        fcntl(ends[1], F_SETFL, 0);
        thread = writer(ends[1], way, 100);
        close(ends[0]);
        join(thread);
        after("pipe, reader gone before any byte", ends[1], 0);
        close(ends[1]);
    }
}

static void pair(int tcp, int ends[2])
{
    int size = 65536;
    if (tcp) {
        tcp_pair(ends);
        for (int i = 0; i < 2; i++) {
            CHECK_EQ(setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
            CHECK_EQ(setsockopt(ends[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
        }
    } else
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void fill(int fd)
{
    for (int quiet = 0; quiet < 20; quiet++) {
        while (send(fd, data, 65536, MSG_DONTWAIT) > 0 || send(fd, data, 1, MSG_DONTWAIT) > 0)
            quiet = 0;
        sleep_ms(1);
    }
}

static void peer_closes(int ends[2])
{
    CHECK_EQ(close(ends[0]), 0);
    ends[0] = -1;
}

static void own_shutdown(int ends[2])
{
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
}

static void peer_reads_no_more(int ends[2])
{
    CHECK_EQ(shutdown(ends[0], SHUT_RD), 0);
}

/* What ends the wait of somebody who has not written a byte yet. */
static const struct {
    const char *name;
    void (*make)(int ends[2]);
} changes[] = {
    {"closed with data unread", peer_closes},
    {"own shutdown", own_shutdown},
    {"peer reads no more,", peer_reads_no_more},
};

static void sockets(int tcp)
{
    int ends[2];
    for (enum way way = WRITE; way <= SENDMSG; way++) {
        pair(tcp, ends);
        pthread_t thread = writer(ends[1], way, SIZE);
        close(ends[0]);
        join(thread);
        after(tcp ? "tcp, closed with data unread after a part" : "unix, closed with data unread after a part",
              ends[1], 1);
        close(ends[1]);
        pair(tcp, ends);
        thread = writer(ends[1], way, SIZE);
        shutdown(ends[1], SHUT_WR);
        join(thread);
        after(tcp ? "tcp, own shutdown after a part" : "unix, own shutdown after a part", ends[1], 1);
        close(ends[0]), close(ends[1]);
        if (tcp) /* which finds room for a few bytes by itself after a while */
            continue;
        for (size_t i = 0; i < COUNT_OF(changes); i++) {
            pair(tcp, ends);
            fill(ends[1]);
            thread = writer(ends[1], way, 100);
            changes[i].make(ends);
            join(thread);
            printf("unix, %s", changes[i].name);
            after(" before any byte", ends[1], 1);
            close(ends[1]);
            if (ends[0] != -1)
                close(ends[0]);
        }
    }
}

static void empty(int fd)
{
    while (recv(fd, data, 65536, MSG_DONTWAIT) > 0)
        ;
}

/* A signal gives the part that is written; before any byte EINTR, or with SA_RESTART the call goes on. */
static void signals(int kind, enum way way, int restart)
{
    int ends[2];
    count_signals(SIGUSR1, restart ? SA_RESTART : 0);
    if (kind == 2)
        CHECK_EQ(pipe(ends), 0);
    else
        pair(kind, ends);
    pthread_t thread = writer(ends[1], way, SIZE);
    interrupt_to_end(thread);
    CHECK(pthread_equal(handled_in, thread));
    CHECK(moving.result > 0 && moving.result < SIZE);
    int there = 0;
    for (long got = 0; got < moving.result;) {
        long more = read(ends[0], data, 65536);
        CHECK(more > 0);
        got += more;
        CHECK(got <= moving.result);
    }
    CHECK_EQ(ioctl(ends[0], FIONREAD, &there), 0);
    CHECK_EQ(there, 0);
    if (kind == 0) {
        fill(ends[1]);
        thread = writer(ends[1], way, 100);
        interrupted_before_any_byte(thread, restart, empty, ends[0]);
    }
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_pipe};
    CHECK_EQ(sigaction(SIGPIPE, &action, NULL), 0);
    data = calloc(1, SIZE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    ticker_start();
    pipes();
    sockets(0);
    sockets(1);
    for (int restart = 0; restart < 2; restart++)
        for (enum way way = WRITE; way <= SENDMSG; way++)
            for (int kind = 0; kind < 3; kind++)
                if (kind != 2 || way <= WRITEV)
                    signals(kind, way, restart);
    CHECK_EQ(atomic_load(&other_thread), 0);
    ticker_end();
    printf("done\n");
    return 0;
}
