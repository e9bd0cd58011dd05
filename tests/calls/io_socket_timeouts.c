/* SO_RCVTIMEO and SO_SNDTIMEO: EAGAIN after the time and not before, partial results kept, a time-out for accept too,
 * and setting it back to zero means waiting for ever again. */
#include "check.h"

static void set(int fd, int option, int ms)
{
    struct timeval time = {0, ms * 1000};
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &time, sizeof time), 0);
}

static void with(int ends[2])
{
    static char data[1 << 20];
    char byte;
    int64_t from = now_ns();
    set(ends[0], SO_RCVTIMEO, 30);
    CHECK_ERRNO(recv(ends[0], &byte, 1, 0), EAGAIN);
    CHECK(now_ns() - from >= 29000000);
    from = now_ns();
    CHECK_ERRNO(read(ends[0], &byte, 1), EAGAIN);
    CHECK(now_ns() - from >= 29000000);
    CHECK_EQ(send(ends[1], "ab", 2, 0), 2);
    CHECK_EQ(recv(ends[0], data, 10, MSG_WAITALL), 2);
    set(ends[0], SO_SNDTIMEO, 30);
    long size, sent = 0;
    do {
        from = now_ns();
        size = send(ends[0], data, sizeof data, 0);
        if (size > 0)
            sent += size;
    } while (size > 0);
    CHECK_EQ(errno, EAGAIN);
    CHECK(now_ns() - from >= 29000000);
    CHECK(sent > 0);
    set(ends[0], SO_RCVTIMEO, 0);
    CHECK_EQ(send(ends[1], "c", 1, 0), 1);
    CHECK_EQ(recv(ends[0], &byte, 1, 0), 1);
    close(ends[0]), close(ends[1]);
}

static void *all(void *arg)
{
    int ends[2];
    struct sockaddr_in address;
    (void)arg;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    with(ends);
    tcp_pair(ends);
    with(ends);
    int listener = listen_tcp(&address, 1);
    set(listener, SO_RCVTIMEO, 30);
    int64_t from = now_ns();
    CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
    CHECK(now_ns() - from >= 29000000);
    close(listener);
    return NULL;
}

int main(void)
{
    ticker_start();
    join(start(all, NULL));
    all(NULL);
    ticker_end();
    printf("done\n");
    return 0;
}
