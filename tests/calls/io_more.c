/* MSG_MORE and TCP_CORK: what is held back and joined is so under every way of sending, also by a sender that has to wait
 * for room, and comes when the cork is drawn. UDP: parts of one datagram. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define BIG (3 << 20)
static int ends[2];
static unsigned char sent[BIG], got[BIG];

static int there(int fd)
{
    int count = -1;
    CHECK_EQ(ioctl(fd, FIONREAD, &count), 0);
    return count;
}

static void *sends_all(void *arg)
{
    (void)arg;
    CHECK_EQ(send(ends[0], sent, BIG / 2, MSG_MORE), BIG / 2);
    struct iovec rest[2] = {{sent + BIG / 2, BIG / 4}, {sent + BIG / 2 + BIG / 4, BIG / 4 - 1}};
    struct msghdr header = {.msg_iov = rest, .msg_iovlen = 2};
    CHECK_EQ(sendmsg(ends[0], &header, MSG_MORE), BIG / 2 - 1);
    CHECK_EQ(send(ends[0], sent + BIG - 1, 1, 0), 1);
    return NULL;
}

static void whole_stream(void)
{
    memset(got, 0, BIG);
    pthread_t sender = start(sends_all, NULL);
    wait_ticks(5);
    for (size_t done = 0; done < BIG;) {
        ssize_t n = recv(ends[1], got + done, BIG - done, 0);
        CHECK(n > 0);
        done += (size_t)n;
    }
    join(sender);
    CHECK(memcmp(sent, got, BIG) == 0);
    CHECK_EQ(recv(ends[1], got, 1, MSG_DONTWAIT), -1);
}

static void *takes_five(void *arg)
{
    (void)arg;
    CHECK_EQ(recv(ends[1], got, 5, MSG_WAITALL), 5);
    CHECK(memcmp(got, "abcde", 5) == 0);
    return NULL;
}

static void corked(void)
{
    int on = 1, off = 0;
    socklen_t size = sizeof on;
    CHECK_EQ(setsockopt(ends[0], IPPROTO_TCP, TCP_CORK, &on, sizeof on), 0);
    pthread_t reader = start(takes_five, NULL);
    CHECK_EQ(write(ends[0], "ab", 2), 2);
    CHECK_EQ(send(ends[0], "c", 1, 0), 1);
    struct iovec parts[2] = {{(void *)"d", 1}, {(void *)"e", 1}};
    CHECK_EQ(writev(ends[0], parts, 2), 2);
    CHECK_EQ(getsockopt(ends[0], IPPROTO_TCP, TCP_CORK, &off, &size), 0);
    CHECK_EQ(off, 1);
    off = 0;
    CHECK_EQ(setsockopt(ends[0], IPPROTO_TCP, TCP_CORK, &off, sizeof off), 0);
    join(reader);
}

static void *takes_datagram(void *arg)
{
    (void)arg;
    return (void *)recv(ends[1], got, 64, 0);
}

static void datagrams(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int off = 0, on = 1;
    ends[0] = socket(AF_INET, SOCK_DGRAM, 0);
    ends[1] = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(ends[1], (struct sockaddr *)&address, size), 0);
    CHECK_EQ(getsockname(ends[1], (struct sockaddr *)&address, &size), 0);
    CHECK_EQ(connect(ends[0], (struct sockaddr *)&address, size), 0);
    pthread_t reader = start(takes_datagram, NULL);
    CHECK_EQ(send(ends[0], "one ", 4, MSG_MORE), 4);
    wait_ticks(5);
    struct iovec part = {(void *)"datagram", 8};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    CHECK_EQ(sendmsg(ends[0], &header, MSG_MORE), 8);
    CHECK_EQ(there(ends[1]), 0);
    CHECK_EQ(write(ends[0], "!", 1), 1);
    CHECK_EQ((long)join(reader), 13);
    CHECK(memcmp(got, "one datagram!", 13) == 0);
    CHECK_EQ(setsockopt(ends[0], IPPROTO_UDP, 1 /* UDP_CORK */, &on, sizeof on), 0);
    reader = start(takes_datagram, NULL);
    CHECK_EQ(write(ends[0], "a", 1), 1);
    CHECK_EQ(write(ends[0], "b", 1), 1);
    wait_ticks(5);
    CHECK_EQ(setsockopt(ends[0], IPPROTO_UDP, 1, &off, sizeof off), 0);
    CHECK_EQ((long)join(reader), 2);
}

int main(void)
{
    for (size_t i = 0; i < BIG; i++)
        sent[i] = (unsigned char)(i * 31 + i / 4096);
    ticker_start();
    tcp_pair(ends);
    whole_stream();
    corked();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    whole_stream();
    datagrams();
    ticker_end();
    printf("done\n");
    return 0;
}
