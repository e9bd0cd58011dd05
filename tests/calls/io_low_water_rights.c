/* SO_RCVLOWAT on a local stream: a receiver that waits for more ends at a message with descriptors, whichever call it is, and
 * whether the message is the first one it takes or a later one.
 * greens
 */
#include "waiting.h"
#include <sys/uio.h>

enum way { READ, READV, RECVMSG, RECV, WAYS };
static int ends[2];
static char buffer[64];

static void send_right(void *arg)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } space = {{0}};
    struct iovec part = {"pass", 4};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
    space.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&space.header), arg, sizeof(int));
    CHECK_EQ(sendmsg(ends[1], &message, 0), 4);
}

static long receive(enum way way)
{
    struct iovec parts[2] = {{buffer, 3}, {buffer + 3, sizeof buffer - 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    switch (way) {
    case READ: return read(ends[0], buffer, sizeof buffer);
    case READV: return readv(ends[0], parts, 2);
    case RECVMSG: return recvmsg(ends[0], &message, 0);
    default: return recv(ends[0], buffer, sizeof buffer, 0);
    }
}

int main(void)
{
    int low = 30;
    waiting_begin();
    for (enum way way = READ; way < WAYS; way++) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low), 0);
        CHECK_EQ(WAITS(receive(way), send_right, &ends[1]), 4);
        CHECK_EQ(send(ends[1], "before", 6, 0), 6);
        CHECK_EQ(WAITS(receive(way), send_right, &ends[1]), 10);
        CHECK(!memcmp(buffer, "beforepass", 10));
        printf("way %d\n", way);
        CHECK_EQ(close(ends[0]), 0);
        CHECK_EQ(close(ends[1]), 0);
    }
    waiting_end();
    return 0;
}
