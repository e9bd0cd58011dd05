/* Each way in which a waiting read of, and write to, a TCP socket ends: bytes, signals with and without SA_RESTART,
 * cancellation, the number closed under it, O_NONBLOCK set meanwhile, shutdown, a reset. By read and recv, write and send,
 * the first time on a socket and later.
 */
#include "check.h"

static int ends[2];
static atomic_int begun;
static int plain; /* read and write; else recv and send */
static char bytes[1 << 22];

static void handler(int signal_number)
{
    (void)signal_number;
}

static void handle_with(int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

static void *answer(long n)
{
    return (void *)(n < 0 ? -(long)errno : n);
}

static void *reads(void *arg)
{
    char in[16];
    (void)arg;
    atomic_store(&begun, 1);
    return answer(plain ? read(ends[0], in, sizeof in) : recv(ends[0], in, sizeof in, 0));
}

static void *writes(void *arg)
{
    (void)arg;
    atomic_store(&begun, 1);
    return answer(plain ? write(ends[0], bytes, sizeof bytes) : send(ends[0], bytes, sizeof bytes, MSG_NOSIGNAL));
}

/* A thread that makes the call, and surely waits in it. */
static pthread_t waiting(void *(*call)(void *))
{
    atomic_store(&begun, 0);
    pthread_t thread = start(call, NULL);
    while (!atomic_load(&begun))
        usleep(1000);
    usleep(20000);
    return thread;
}

static long result(pthread_t thread)
{
    void *answer;
    CHECK_EQ(pthread_join(thread, &answer), 0);
    return (long)answer;
}

static void reset(void)
{
    struct linger at_once = {1, 0};
    CHECK_EQ(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    CHECK_EQ(close(ends[1]), 0);
}

static void send_some(int n)
{
    CHECK_EQ(write(ends[1], bytes, (size_t)n), n);
}

static void end_reads(int used)
{
    tcp_pair(ends);
    if (used) {
        pthread_t thread = waiting(reads);
        send_some(3);
        CHECK_EQ(result(thread), 3);
    }
    handle_with(0);
    pthread_t thread = waiting(reads);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    CHECK_EQ(result(thread), -EINTR);

    thread = waiting(reads);
    handle_with(SA_RESTART);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    usleep(20000);
    send_some(5);
    CHECK_EQ(result(thread), 5);

    thread = waiting(reads);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK_EQ(result(thread), (long)PTHREAD_CANCELED);

    thread = waiting(reads);
    int other = dup(ends[0]);
    CHECK_EQ(close(ends[0]), 0);
    usleep(10000);
    send_some(2);
    CHECK_EQ(result(thread), 2);
    ends[0] = other;

    thread = waiting(reads);
    CHECK_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    usleep(20000);
    send_some(3);
    CHECK_EQ(result(thread), 3);
    CHECK_EQ(result(start(reads, NULL)), -EAGAIN);
    CHECK_EQ(fcntl(ends[0], F_SETFL, 0), 0);

    thread = waiting(reads);
    CHECK_EQ(shutdown(ends[0], SHUT_RD), 0);
    CHECK_EQ(result(thread), 0);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);

    tcp_pair(ends);
    thread = waiting(reads);
    reset();
    CHECK_EQ(result(thread), -ECONNRESET);
    CHECK_EQ(result(start(reads, NULL)), 0);
    CHECK_EQ(close(ends[0]), 0);
}

static void end_writes(void)
{
    int little = 1 << 16; /* and it stays so: buffers that grow could take all */
    tcp_pair(ends);
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    CHECK_EQ(setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    handle_with(0);
    pthread_t thread = waiting(writes);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    long sent = result(thread);
    CHECK(sent > 0 && sent < (long)sizeof bytes);
    /* What little room came meanwhile may have been taken. */
    thread = waiting(writes);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    sent = result(thread);
    CHECK(sent == -EINTR || (sent > 0 && sent < (long)sizeof bytes));

    thread = waiting(writes);
    reset();
    sent = result(thread);
    CHECK(sent == -ECONNRESET || (sent > 0 && sent < (long)sizeof bytes));
    sent = result(start(writes, NULL));
    CHECK(sent == -ECONNRESET || sent == -EPIPE);
    CHECK_EQ(result(start(writes, NULL)), -EPIPE);
    CHECK_EQ(close(ends[0]), 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    ticker_start();
    for (plain = 0; plain < 2; plain++) {
        for (int used = 0; used < 2; used++)
            end_reads(used);
        end_writes();
    }
    ticker_end();
    puts("each end is Linux's");
    return 0;
}
