/* A unix datagram receiver's queue is full: a sender waits until there is room, connected or not, also when the room
 * was taken by others' datagrams, so that nothing of its own is ever read. Truncation in and out. */
#include "check.h"
#include <sys/uio.h>

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t size;
static atomic_int sending, sent;

enum { WRITE, WRITEV, SEND, SENDTO, SENDMSG, SENDMMSG, WAYS };

static void *sends(void *arg)
{
    int how = (int)(long)arg, fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct iovec part = {"m", 1};
    struct msghdr message = {.msg_name = &address, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
    struct mmsghdr many = {.msg_hdr = message};
    if (how <= SEND)
        CHECK_EQ(connect(fd, (struct sockaddr *)&address, size), 0);
    atomic_fetch_add(&sending, 1);
    switch (how) {
    case WRITE: CHECK_EQ(write(fd, "m", 1), 1); break;
    case WRITEV: CHECK_EQ(writev(fd, &part, 1), 1); break;
    case SEND: CHECK_EQ(send(fd, "m", 1, 0), 1); break;
    case SENDTO: CHECK_EQ(sendto(fd, "m", 1, 0, (struct sockaddr *)&address, size), 1); break;
    case SENDMSG: CHECK_EQ(sendmsg(fd, &message, 0), 1); break;
    case SENDMMSG: CHECK_EQ(sendmmsg(fd, &many, 1, 0), 1); break;
    }
    atomic_fetch_add(&sent, 1);
    close(fd);
    return NULL;
}

static void truncation(int receiver)
{
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(sendto(fd, "four", 4, 0, (struct sockaddr *)&address, size), 4);
    CHECK_EQ(recvmsg(receiver, &message, 0), 1);
    CHECK_EQ(message.msg_flags, MSG_TRUNC);
    CHECK_EQ(recvmsg(receiver, &message, MSG_TRUNC), 4);
    CHECK_EQ(message.msg_flags, MSG_TRUNC);
    CHECK_EQ(read(receiver, &byte, 0), 0);
    CHECK_EQ(recv(receiver, NULL, 0, MSG_PEEK | MSG_TRUNC), 4);
    CHECK_EQ(recv(receiver, &byte, 1, 0), 1);
    CHECK_ERRNO(recv(receiver, &byte, 1, MSG_DONTWAIT), EAGAIN);
    close(fd);
}

int main(void)
{
    char byte;
    ticker_start();
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                       (size_t)snprintf(address.sun_path + 1, 60, "lichen-datagram-%d", getpid()));
    CHECK_EQ(bind(receiver, (struct sockaddr *)&address, size), 0);
    for (long how = 0; how < WAYS; how++) {
        int others = 0;
        while (sendto(filler, "f", 1, 0, (struct sockaddr *)&address, size) == 1)
            others++;
        CHECK_EQ(errno, EAGAIN);
        atomic_store(&sending, 0);
        atomic_store(&sent, 0);
        pthread_t thread = start(sends, (void *)how);
        wait_for(&sending, 1);
        wait_ticks(5);
        CHECK_EQ(atomic_load(&sent), 0);
        for (; others > 0; others--) {
            CHECK_EQ(recv(receiver, &byte, 1, 0), 1);
            CHECK_EQ(byte, 'f');
        }
        CHECK_EQ(recv(receiver, &byte, 1, 0), 1);
        CHECK_EQ(byte, 'm');
        join(thread);
    }
    truncation(receiver);
    ticker_end();
    printf("done\n");
    return 0;
}
