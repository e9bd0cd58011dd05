/* MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT and MSG_TRUNC, each with the data coming while the receiver waits. */
#include "check.h"

static int fd_now, flags_now;
static char buffer[64];
static atomic_int waiting;

static void *receives(void *arg)
{
    atomic_store(&waiting, 1);
    return (void *)recv(fd_now, buffer, (size_t)arg, flags_now);
}

static pthread_t waiting_receiver(int fd, size_t size, int flags)
{
    fd_now = fd;
    flags_now = flags;
    memset(buffer, 0, sizeof buffer);
    atomic_store(&waiting, 0);
    pthread_t thread = start(receives, (void *)size);
    wait_for(&waiting, 1);
    sleep_ms(5);
    return thread;
}

static void stream(int ends[2])
{
    CHECK_ERRNO(recv(ends[0], buffer, 8, MSG_DONTWAIT), EAGAIN);
    pthread_t thread = waiting_receiver(ends[0], 8, MSG_PEEK);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    CHECK_EQ((long)join(thread), 3);
    CHECK_EQ(recv(ends[0], buffer, 8, MSG_PEEK), 3);
    CHECK_EQ(recv(ends[0], buffer, 8, 0), 3);
    thread = waiting_receiver(ends[0], 10, MSG_WAITALL);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(send(ends[1], "01234567" + i, 2, 0), 2);
        sleep_ms(2);
    }
    CHECK_EQ((long)join(thread), 10);
    CHECK(memcmp(buffer, "0112233445", 10) == 0);
    thread = waiting_receiver(ends[0], 10, MSG_WAITALL);
    CHECK_EQ(send(ends[1], "xyz", 3, 0), 3);
    sleep_ms(5);
    CHECK_EQ(close(ends[1]), 0);
    CHECK_EQ((long)join(thread), 3);
    CHECK_EQ(recv(ends[0], buffer, 10, MSG_WAITALL), 0);
    CHECK_EQ(close(ends[0]), 0);
}

static void full(int ends[2])
{
    static char data[1 << 16];
    long sent = 0, size;
    while ((size = send(ends[0], data, sizeof data, MSG_DONTWAIT)) > 0)
        sent += size;
    CHECK_EQ(errno, EAGAIN);
    CHECK(sent > 0);
    while (sent > 0) {
        size = recv(ends[1], data, sizeof data, 0);
        CHECK(size > 0);
        sent -= size;
    }
    close(ends[0]), close(ends[1]);
}

static void datagram(int ends[2])
{
    pthread_t thread = waiting_receiver(ends[0], 2, MSG_TRUNC);
    CHECK_EQ(send(ends[1], "abcdef", 6, 0), 6);
    CHECK_EQ((long)join(thread), 6);
    thread = waiting_receiver(ends[0], 2, 0);
    CHECK_EQ(send(ends[1], "abcdef", 6, 0), 6);
    CHECK_EQ((long)join(thread), 2);
    CHECK_EQ(send(ends[1], "one", 3, 0), 3);
    CHECK_EQ(send(ends[1], "two!", 4, 0), 4);
    thread = waiting_receiver(ends[0], 16, MSG_WAITALL);
    CHECK_EQ((long)join(thread), 3);
    CHECK_EQ(recv(ends[0], buffer, 16, 0), 4);
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    int ends[2];
    ticker_start();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    stream(ends);
    tcp_pair(ends);
    stream(ends);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    full(ends);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    datagram(ends);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    datagram(ends);
    ticker_end();
    printf("done\n");
    return 0;
}
