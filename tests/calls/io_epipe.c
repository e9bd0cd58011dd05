/* Writing where nobody reads any more: EPIPE with SIGPIPE ignored, a handler's call, MSG_NOSIGNAL, and a writer that
 * already waits when the reader closes. */
#include "handled.h"

static atomic_int writing;

static void *writes_much(void *arg)
{
    static char data[1 << 20];
    size_t sent = 0;
    atomic_store(&writing, 1);
    for (;;) {
        ssize_t size = write(*(int *)arg, data, sizeof data);
        if (size < 0) {
            CHECK_EQ(errno, EPIPE);
            break;
        }
        sent += (size_t)size;
        if ((size_t)size < sizeof data)
            continue;
    }
    return (void *)(sent > 0);
}

static void *closes(void *arg)
{
    wait_for(&writing, 1);
    sleep_ms(10);
    CHECK_EQ(close(*(int *)arg), 0);
    return NULL;
}

static void late_close(int reader, int writer)
{
    atomic_store(&writing, 0);
    pthread_t first = start(writes_much, &writer), second = start(closes, &reader);
    join(second);
    CHECK_EQ((long)join(first), 1);
    CHECK_EQ(close(writer), 0);
}

int main(void)
{
    int ends[2];
    ticker_start();
    signal(SIGPIPE, SIG_IGN);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
    CHECK_EQ(close(ends[1]), 0);
    CHECK_EQ(pipe(ends), 0);
    late_close(ends[0], ends[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    late_close(ends[0], ends[1]);

    count_signals(SIGPIPE, SA_RESTART);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_ERRNO(send(ends[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(atomic_load(&handled), 0);
    CHECK_ERRNO(send(ends[1], "x", 1, 0), EPIPE);
    CHECK_EQ(atomic_load(&handled), 1);
    CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
    CHECK_EQ(atomic_load(&handled), 2);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
    printf("signals %d\n", atomic_load(&handled));
    ticker_end();
    return 0;
}
