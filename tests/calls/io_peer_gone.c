/* A writer that waits for room when the other end goes away, or a signal comes: what it returns, whether SIGPIPE is
 * raised and in which thread, and what the next calls say. write, writev, send, sendmsg; pipe, unix, TCP. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define SIZE (8 << 20)
static char *data;
static int fd_now, how_now;
static atomic_int writing, pipe_signals, other_thread;
static long sent_now;
static int errno_now;
static pthread_t writer_now;

static void on_pipe(int number)
{
    if (!pthread_equal(pthread_self(), writer_now))
        atomic_store(&other_thread, 1);
    if (number == SIGPIPE)
        atomic_fetch_add(&pipe_signals, 1);
}

static void *writes(void *arg)
{
    size_t size = (size_t)arg;
    struct iovec parts[2] = {{data, size / 3}, {data + size / 3, size - size / 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    writer_now = pthread_self();
    atomic_store(&writing, 1);
    switch (how_now) {
    case 0: sent_now = write(fd_now, data, size); break;
    case 1: sent_now = writev(fd_now, parts, 2); break;
    case 2: sent_now = send(fd_now, data, size, 0); break;
    case 3: sent_now = sendmsg(fd_now, &message, 0); break;
    }
    errno_now = errno;
    return NULL;
}

static pthread_t writer(int fd, int how, size_t size)
{
    fd_now = fd, how_now = how;
    atomic_store(&writing, 0);
    atomic_store(&pipe_signals, 0);
    pthread_t thread = start(writes, (void *)size);
    wait_for(&writing, 1);
    wait_ticks(5);
    return thread;
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
    printf("%s: %s", what, sent_now > 0 ? "part" : sent_now == 0 ? "0" : strerrorname_np(errno_now));
    printf(", SIGPIPE %d", atomic_exchange(&pipe_signals, 0));
    if (socket) {
        writer_now = pthread_self();
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
    for (int how = 0; how < 2; how++) {
        CHECK_EQ(pipe(ends), 0);
        pthread_t thread = writer(ends[1], how, SIZE);
        close(ends[0]);
        join(thread);
        after("pipe, reader gone after a part", ends[1], 0);
        close(ends[1]);
        CHECK_EQ(pipe(ends), 0);
        while (fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 && write(ends[1], data, 4096) > 0)
            ;
        fcntl(ends[1], F_SETFL, 0);
        thread = writer(ends[1], how, 100);
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

static void sockets(int tcp)
{
    int ends[2];
    for (int how = 0; how < 4; how++) {
        pair(tcp, ends);
        pthread_t thread = writer(ends[1], how, SIZE);
        close(ends[0]);
        join(thread);
        after(tcp ? "tcp, closed with data unread after a part" : "unix, closed with data unread after a part",
              ends[1], 1);
        close(ends[1]);
        pair(tcp, ends);
        thread = writer(ends[1], how, SIZE);
        shutdown(ends[1], SHUT_WR);
        join(thread);
        after(tcp ? "tcp, own shutdown after a part" : "unix, own shutdown after a part", ends[1], 1);
        close(ends[0]), close(ends[1]);
        if (tcp) /* which finds room for a few bytes by itself after a while */
            continue;
        pair(tcp, ends);
        fill(ends[1]);
        thread = writer(ends[1], how, 100);
        close(ends[0]);
        join(thread);
        after("unix, closed with data unread before any byte", ends[1], 1);
        close(ends[1]);
        pair(tcp, ends);
        fill(ends[1]);
        thread = writer(ends[1], how, 100);
        shutdown(ends[1], SHUT_WR);
        join(thread);
        after("unix, own shutdown before any byte", ends[1], 1);
        close(ends[0]), close(ends[1]);
        pair(tcp, ends);
        fill(ends[1]);
        thread = writer(ends[1], how, 100);
        shutdown(ends[0], SHUT_RD);
        join(thread);
        after("unix, peer reads no more, before any byte", ends[1], 1);
        close(ends[0]), close(ends[1]);
    }
}

/* A signal gives the part that is written; before any byte EINTR, or with SA_RESTART the call goes on. */
static void signals(int kind, int how, int restart)
{
    int ends[2];
    struct sigaction action = {.sa_handler = on_pipe, .sa_flags = restart ? SA_RESTART : 0};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    if (kind == 2)
        CHECK_EQ(pipe(ends), 0);
    else
        pair(kind, ends);
    pthread_t thread = writer(ends[1], how, SIZE);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    join(thread);
    CHECK(sent_now > 0 && sent_now < SIZE);
    int there = 0;
    for (long got = 0; got < sent_now;) {
        long more = read(ends[0], data, 65536);
        CHECK(more > 0);
        got += more;
        CHECK(got <= sent_now);
    }
    CHECK_EQ(ioctl(ends[0], FIONREAD, &there), 0);
    CHECK_EQ(there, 0);
    if (kind == 0) {
        fill(ends[1]);
        thread = writer(ends[1], how, 100);
        CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
        wait_ticks(5);
        if (restart)
            while (recv(ends[0], data, 65536, MSG_DONTWAIT) > 0)
                ;
        join(thread);
        CHECK_EQ(sent_now, restart ? 100 : -1);
        CHECK(restart || errno_now == EINTR);
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
        for (int how = 0; how < 4; how++)
            for (int kind = 0; kind < 3; kind++)
                if (kind != 2 || how < 2)
                    signals(kind, how, restart);
    CHECK_EQ(atomic_load(&other_thread), 0);
    ticker_end();
    printf("done\n");
    return 0;
}
