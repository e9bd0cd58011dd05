/* Descriptors that are passed by a sendmsg or sendmmsg which has to wait are those of the moment it began: that they are closed
 * meanwhile, and that others have their numbers, changes nothing.
 * greens
 */
#include "waiting.h"
#include <sys/uio.h>

static int ends[2], passed[2], filled, type;
static char block[4096];

static void fill(void)
{
    int flags = fcntl(ends[0], F_GETFL);
    CHECK_EQ(fcntl(ends[0], F_SETFL, flags | O_NONBLOCK), 0);
    for (filled = 0; write(ends[0], block, sizeof block) == (ssize_t)sizeof block;)
        filled++;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(ends[0], F_SETFL, flags), 0);
}

/* Another file gets the number, and what is before the message is taken away. */
static void make_room(void *arg)
{
    (void)arg;
    int other = open("/dev/null", O_WRONLY);
    CHECK(other >= 0);
    CHECK_EQ(dup2(other, passed[1]), passed[1]);
    CHECK_EQ(close(other), 0);
    for (int i = 0; i < filled; i++)
        CHECK_EQ(recv(ends[1], block, sizeof block, MSG_WAITALL), sizeof block);
}

union space {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
};

static void message_of(struct msghdr *message, struct iovec *part, union space *space, void *bytes, size_t len)
{
    *part = (struct iovec){bytes, len};
    memset(space, 0, sizeof *space);
    *message = (struct msghdr){.msg_iov = part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof *space};
}

static void comes_through(void)
{
    struct msghdr message;
    struct iovec part;
    union space space;
    char bytes[8], byte;
    int fd;
    message_of(&message, &part, &space, bytes, sizeof bytes);
    CHECK_EQ(recvmsg(ends[1], &message, 0), 4);
    CHECK_EQ(space.header.cmsg_type, SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(&space.header), sizeof fd);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(read(passed[0], &byte, 1), 1);
    CHECK_EQ(close(fd), 0);
}

static void pass(int several)
{
    struct mmsghdr message = {0};
    struct iovec part;
    union space space;
    CHECK_EQ(socketpair(AF_UNIX, type, 0, ends), 0);
    CHECK_EQ(pipe2(passed, O_NONBLOCK), 0);
    message_of(&message.msg_hdr, &part, &space, (char[]){"pass"}, 4);
    space.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&space.header), &passed[1], sizeof(int));
    fill();
    if (several)
        CHECK_EQ(WAITS(sendmmsg(ends[0], &message, 1, 0), make_room, NULL), 1);
    else
        CHECK_EQ(WAITS(sendmsg(ends[0], &message.msg_hdr, 0), make_room, NULL), 4);
    comes_through();
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(close(ends[i]), 0);
        CHECK_EQ(close(passed[i]), 0);
    }
}

int main(void)
{
    int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    waiting_begin();
    for (int i = 0; i < 3; i++) {
        type = types[i];
        pass(0);
        pass(1);
        printf("passed by type %d\n", type);
    }
    waiting_end();
    return 0;
}
