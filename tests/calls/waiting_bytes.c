/* Each call that moves bytes waits for them, or for room, while other threads run.
 * waits: read, write, readv, writev, recvfrom, sendto, recvmsg, sendmsg, recvmmsg, sendmmsg
 * greens
 */
#include "waiting.h"
#include <sys/ioctl.h>
#include <sys/uio.h>

/* More than a socket's or a pipe's buffers hold. */
#define MUCH (8 << 20)

static char in[64];
static struct iovec in_parts[2] = {{in, 2}, {in + 2, sizeof in - 2}};
static struct mmsghdr in_messages[1] = {{.msg_hdr = {.msg_iov = in_parts, .msg_iovlen = 2}}};

static long receive(int call, int fd)
{
    memset(in, 0, sizeof in);
    switch (call) {
    case SYS_read:
        return syscall(SYS_read, fd, in, sizeof in);
    case SYS_readv:
        return syscall(SYS_readv, fd, in_parts, 2);
    case SYS_recvfrom:
        return syscall(SYS_recvfrom, fd, in, sizeof in, 0, NULL, NULL);
    case SYS_recvmsg:
        return syscall(SYS_recvmsg, fd, &in_messages[0].msg_hdr, 0);
    default:
        CHECK_EQ(syscall(SYS_recvmmsg, fd, in_messages, 1, 0, NULL), 1);
        return in_messages[0].msg_len;
    }
}

static char *out;

static long transmit(int call, int fd)
{
    struct iovec parts[2] = {{out, 10}, {out + 10, MUCH - 10}};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = parts, .msg_iovlen = 2}};
    switch (call) {
    case SYS_write:
        return syscall(SYS_write, fd, out, MUCH);
    case SYS_writev:
        return syscall(SYS_writev, fd, parts, 2);
    case SYS_sendto:
        return syscall(SYS_sendto, fd, out, MUCH, 0, NULL, 0);
    case SYS_sendmsg:
        return syscall(SYS_sendmsg, fd, &message.msg_hdr, 0);
    default:
        CHECK_EQ(syscall(SYS_sendmmsg, fd, &message, 1, 0), 1);
        return message.msg_len;
    }
}

static void both_ways(int receiving, int sending, int make_pipe)
{
    int ends[2];
    if (make_pipe)
        CHECK_EQ(pipe(ends), 0);
    else
        tcp_pair(ends);
    CHECK_EQ(WAITS(receive(receiving, ends[0]), put_word, &ends[1]), 4);
    CHECK_EQ(memcmp(in, "word", 4), 0);
    CHECK_EQ(WAITS(transmit(sending, ends[1]), begin_to_drain, &ends[0]), MUCH);
    drained(ends, MUCH);
}

int main(void)
{
    out = calloc(1, MUCH);
    CHECK(out);
    waiting_begin();
    both_ways(SYS_read, SYS_write, 1);
    both_ways(SYS_readv, SYS_writev, 1);
    both_ways(SYS_read, SYS_write, 0);
    both_ways(SYS_readv, SYS_writev, 0);
    both_ways(SYS_recvfrom, SYS_sendto, 0);
    both_ways(SYS_recvmsg, SYS_sendmsg, 0);
    both_ways(SYS_recvmmsg, SYS_sendmmsg, 0);
    waiting_end();
    printf("done\n");
    return 0;
}
