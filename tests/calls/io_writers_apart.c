/* With SO_PASSCRED a read of a Unix stream with MSG_WAITALL ends where the bytes of another process begin, whether they
 * are there when it begins or come while it waits; without it, it goes on. By recvmsg, which tells who wrote, and recv. */
#include "check.h"
#include <sys/ioctl.h>

static int ends[2], turn[2];
static pid_t other;
static atomic_int reading;

/* The child writes four bytes each time it is told to. */
static void be_the_other(void)
{
    char byte;
    while (read(turn[0], &byte, 1) == 1)
        CHECK_EQ(write(ends[1], "BBBB", 4), 4);
    _exit(0);
}

static void other_writes(void)
{
    CHECK_EQ(write(turn[1], "t", 1), 1);
}

/* Reads as `arg` says: 1 with recvmsg, 0 with recv; who wrote is checked by the sender's order. */
static void *reads(void *arg)
{
    static char bytes[64];
    memset(bytes, 0, sizeof bytes);
    atomic_store(&reading, 1);
    if (!arg)
        return (void *)recv(ends[0], bytes, 8, MSG_WAITALL);
    char control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = {bytes, 8};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(ends[0], &header, MSG_WAITALL);
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    if (first) {
        struct ucred who;
        CHECK_EQ(first->cmsg_type, SCM_CREDENTIALS);
        memcpy(&who, CMSG_DATA(first), sizeof who);
        CHECK_EQ(who.pid, bytes[0] == 'B' ? other : getpid());
    }
    return (void *)got;
}

static long in_a_thread(long way)
{
    return (long)join(start(reads, (void *)way));
}

static void both_ways(int on)
{
    char rest[8];
    int there = 0;
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    for (long way = 0; way < 2; way++) {
        /* Both are there. */
        CHECK_EQ(write(ends[1], "aaaa", 4), 4);
        other_writes();
        do
            sleep_ms(1);
        while (ioctl(ends[0], FIONREAD, &there) == 0 && there < 8);
        CHECK_EQ(in_a_thread(way), on ? 4 : 8);
        CHECK_EQ(recv(ends[0], rest, 8, MSG_DONTWAIT), on ? 4 : -1);
        /* The other's come while it waits. */
        atomic_store(&reading, 0);
        pthread_t reader = start(reads, (void *)way);
        wait_for(&reading, 1);
        CHECK_EQ(write(ends[1], "aaaa", 4), 4);
        wait_ticks(5);
        other_writes();
        CHECK_EQ((long)join(reader), on ? 4 : 8);
        if (on)
            CHECK_EQ(recv(ends[0], rest, 8, 0), 4);
        /* One writer's come in parts. */
        atomic_store(&reading, 0);
        reader = start(reads, (void *)way);
        wait_for(&reading, 1);
        CHECK_EQ(write(ends[1], "aaaa", 4), 4);
        wait_ticks(5);
        CHECK_EQ(write(ends[1], "aaaa", 4), 4);
        CHECK_EQ((long)join(reader), 8);
    }
}

int main(void)
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQ(pipe(turn), 0);
    other = fork();
    CHECK(other >= 0);
    if (other == 0) {
        close(turn[1]);
        be_the_other();
    }
    close(turn[0]);
    ticker_start();
    both_ways(1);
    both_ways(0);
    ticker_end();
    close(turn[1]);
    CHECK_CHILD(other, 0);
    printf("done\n");
    return 0;
}
