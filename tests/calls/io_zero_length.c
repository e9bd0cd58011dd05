/* Reads and writes of no bytes return at once, and errors come before waiting. */
#include "check.h"
#include <sys/eventfd.h>
#include <sys/uio.h>

static void *all(void *arg)
{
    int pipes[2], stream[2], datagram[2];
    char buffer[8];
    struct iovec none = {buffer, 0};
    (void)arg;
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram), 0);
    CHECK_EQ(read(pipes[0], buffer, 0), 0);
    CHECK_EQ(readv(pipes[0], &none, 1), 0);
    CHECK_EQ(readv(pipes[0], &none, 0), 0);
    CHECK_EQ(write(pipes[1], buffer, 0), 0);
    CHECK_EQ(read(stream[0], buffer, 0), 0);
    CHECK_EQ(write(stream[0], buffer, 0), 0);
    CHECK_EQ(send(stream[0], buffer, 0, 0), 0);
    CHECK_EQ(send(datagram[0], buffer, 0, 0), 0);
    CHECK_EQ(recv(datagram[1], buffer, 8, 0), 0);
    CHECK_ERRNO(read(pipes[1], buffer, 1), EBADF);
    CHECK_ERRNO(write(pipes[0], buffer, 1), EBADF);
    CHECK_ERRNO(read(-1, buffer, 1), EBADF);
    CHECK_ERRNO(read(12345, buffer, 1), EBADF);
    CHECK_ERRNO(recv(pipes[0], buffer, 1, 0), ENOTSOCK);
    CHECK_ERRNO(readv(pipes[0], &none, -1), EINVAL);
    CHECK_ERRNO(readv(pipes[0], &none, 2000), EINVAL);
    CHECK_ERRNO(readv(pipes[0], (void *)8, 1), EFAULT);
    CHECK_EQ(write(pipes[1], "ab", 2), 2);
    CHECK_ERRNO(read(pipes[0], (void *)8, 1), EFAULT);
    CHECK_ERRNO(write(pipes[1], (void *)8, 1), EFAULT);
    CHECK_ERRNO(send(stream[0], (void *)8, 1, 0), EFAULT);
    CHECK_EQ(write(stream[1], "ab", 2), 2);
    CHECK_ERRNO(recv(stream[0], (void *)8, 1, 0), EFAULT);
    int event = eventfd(0, 0);
    CHECK_ERRNO(read(event, buffer, 4), EINVAL);
    return NULL;
}

int main(void)
{
    all(NULL);
    in_both_threads(all);
    printf("done\n");
    return 0;
}
