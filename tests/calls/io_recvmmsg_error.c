/* recvmmsg that has some messages when an error comes gives those; the error is told by the next call, or by SO_ERROR.
 * The error of the connection, and a bad address in a later message, both with all there at once and after a wait. */
#include "check.h"
#include <poll.h>
#include <sys/uio.h>

static int fd, peer;
static struct sockaddr_in own, other;
static atomic_int about;

static void udp_to(int from, int to, struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    CHECK_EQ(getsockname(to, (struct sockaddr *)address, &size), 0);
    CHECK_EQ(connect(from, (struct sockaddr *)address, size), 0);
}

static int udp(void)
{
    struct sockaddr_in any;
    int made = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&any, 0, sizeof any);
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(made, (struct sockaddr *)&any, sizeof any), 0);
    return made;
}

static void both(void)
{
    fd = udp();
    peer = udp();
    udp_to(fd, peer, &other);
    udp_to(peer, fd, &own);
}

static int pending(void)
{
    int error = -1;
    socklen_t size = sizeof error;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    return error;
}

static char data[4][8];
static int receive(int count, int bad_at)
{
    struct iovec parts[4];
    struct mmsghdr messages[4];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 4; i++) {
        parts[i] = (struct iovec){i == bad_at ? (void *)8 : data[i], 8};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    return recvmmsg(fd, messages, (unsigned)count, 0, NULL);
}

static void *waits_for_three(void *arg)
{
    (void)arg;
    atomic_store(&about, 1);
    return (void *)(long)receive(3, -1);
}

int main(void)
{
    ticker_start();
    /* A bad address in the second of two messages. */
    both();
    CHECK_EQ(send(peer, "1", 1, 0), 1);
    CHECK_EQ(send(peer, "2", 1, 0), 1);
    CHECK_EQ(receive(2, 1), 1);
    CHECK_EQ(pending(), EFAULT);
    CHECK_EQ(pending(), 0);
    /* An error that is there first is told first. */
    CHECK_EQ(send(peer, "1", 1, 0), 1);
    CHECK_EQ(send(peer, "2", 1, 0), 1);
    CHECK_EQ(receive(2, 1), 1);
    CHECK_ERRNO(receive(1, -1), EFAULT);
    close(peer);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK_ERRNO(receive(1, -1), ECONNREFUSED);
    close(fd);
    /* The peer goes while it waits for the third. */
    both();
    CHECK_EQ(send(peer, "1", 1, 0), 1);
    pthread_t reader = start(waits_for_three, NULL);
    wait_for(&about, 1);
    wait_ticks(5);
    CHECK_EQ(send(peer, "2", 1, 0), 1);
    wait_ticks(5);
    close(peer);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK_EQ((long)join(reader), 2);
    CHECK_EQ(pending(), ECONNREFUSED);
    CHECK_EQ(pending(), 0);
    ticker_end();
    printf("done\n");
    return 0;
}
