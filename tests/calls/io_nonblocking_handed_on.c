/* Whether a descriptor blocks is a fact of its description, wherever that is handed: over SCM_RIGHTS to a thread of the
 * same process, over fork and exec, and changed there; a pipe opened anew through /proc/self/fd has flags of its own.
 * Passed descriptors arrive with what they came with, also when MSG_WAITALL reads over several parts. */
#include "check.h"
#include <sys/ioctl.h>

static int ends[2], channel[2];

static void pass(int fd, const char *text)
{
    char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {(void *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    CHECK_EQ(sendmsg(channel[1], &message, 0), (long)strlen(text));
}

/* Returns the passed descriptor, or -1. */
static int take(int length, int wanted, int flags, int expected_flags)
{
    char buffer[16], control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {buffer, (size_t)length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    CHECK_EQ(recvmsg(channel[0], &message, flags), wanted);
    CHECK_EQ(message.msg_flags, expected_flags);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (header)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static void check_blocks(int fd, int blocks)
{
    char byte;
    CHECK_EQ(!(fcntl(fd, F_GETFL) & O_NONBLOCK), blocks);
    if (!blocks)
        CHECK_ERRNO(read(fd, &byte, 1), EAGAIN);
}

static void *writes_late(void *arg)
{
    (void)arg;
    wait_ticks(5);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    return NULL;
}

static void reads_late(int fd)
{
    char byte;
    pthread_t thread = start(writes_late, NULL);
    CHECK_EQ(read(fd, &byte, 1), 1);
    join(thread);
}

static void *passes_late(void *arg)
{
    wait_ticks(5);
    CHECK_EQ(send(channel[1], "abc", 3, 0), 3);
    wait_ticks(5);
    pass(ends[0], "de");
    if (arg)
        CHECK_EQ(send(channel[1], "fghijklm", 8, 0), 8);
    return NULL;
}

static void handed(int sockets)
{
    int on = 1, off = 0;
    char byte, name[64];
    CHECK_EQ(sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
    pass(ends[0], "x");
    int copy = take(1, 1, 0, 0);
    CHECK_EQ(fcntl(copy, F_GETFD), 0);
    check_blocks(copy, 1);
    reads_late(copy);
    CHECK_EQ(ioctl(copy, FIONBIO, &on), 0);
    check_blocks(ends[0], 0);
    CHECK_EQ(fcntl(ends[0], F_SETFL, 0), 0);
    check_blocks(copy, 1);
    reads_late(ends[0]);
    pid_t child = fork();
    if (child == 0) {
        check_blocks(copy, 1);
        CHECK_EQ(fcntl(copy, F_SETFL, O_NONBLOCK), 0);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    check_blocks(ends[0], 0);
    check_blocks(copy, 0);
    snprintf(name, sizeof name, "%d", ends[0]);
    child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "handed", name, NULL);
        _exit(127);
    }
    CHECK_CHILD(child, 0);
    check_blocks(ends[0], 1);
    reads_late(copy);
    CHECK_EQ(ioctl(ends[0], FIONBIO, &on), 0);
    if (!sockets) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
        int again = open(name, O_RDONLY);
        CHECK(again >= 0);
        check_blocks(again, 1);
        check_blocks(ends[0], 0);
        reads_late(again);
        CHECK_EQ(fcntl(again, F_SETFL, O_NONBLOCK), 0);
        CHECK_EQ(ioctl(ends[0], FIONBIO, &off), 0);
        check_blocks(again, 0);
        check_blocks(ends[0], 1);
        close(again);
    }
    close(ends[1]);
    CHECK_EQ(read(copy, &byte, 1), 0);
    close(copy), close(ends[0]);
}

/* A passed descriptor ends MSG_WAITALL where it is, and is not lost when it comes with a later part. */
static void waits_for_all(void)
{
    char buffer[16];
    CHECK_EQ(pipe(ends), 0);
    pthread_t thread = start(passes_late, NULL);
    int fd = take(16, 5, MSG_WAITALL | MSG_CMSG_CLOEXEC, MSG_CMSG_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(ends[1], "y", 1), 1);
    CHECK_EQ(read(fd, buffer, 1), 1);
    join(thread);
    close(fd);
    thread = start(passes_late, (void *)1);
    CHECK_EQ(recv(channel[0], buffer, 13, MSG_WAITALL), 5);
    CHECK_EQ(recv(channel[0], buffer, 8, MSG_WAITALL), 8);
    join(thread);
    close(ends[0]), close(ends[1]);
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        int fd = atoi(argv[1]);
        check_blocks(fd, 0);
        return fcntl(fd, F_SETFL, 0) != 0;
    }
    ticker_start();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
    handed(0);
    handed(1);
    waits_for_all();
    ticker_end();
    printf("done\n");
    return 0;
}
