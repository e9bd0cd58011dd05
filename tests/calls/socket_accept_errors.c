/* accept and connect with bad arguments fail as on Linux, in a thread and in main. */
#include "check.h"
#include <poll.h>

static void *all(void *arg)
{
    struct sockaddr_in address;
    int ends[2];
    (void)arg;
    CHECK_EQ(pipe(ends), 0);
    CHECK_ERRNO(accept(ends[0], NULL, NULL), ENOTSOCK);
    CHECK_ERRNO(accept(-1, NULL, NULL), EBADF);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_ERRNO(accept(datagram, NULL, NULL), EOPNOTSUPP);
    int listener = listen_tcp(&address, 4);
    CHECK_ERRNO(accept4(listener, NULL, NULL, 0x1234), EINVAL);
    /* Also one that was polled, and never seen empty by a read. */
    struct pollfd nobody = {.fd = listener, .events = POLLIN};
    char byte;
    CHECK_EQ(poll(&nobody, 1, 1), 0);
    CHECK_ERRNO(read(listener, &byte, 1), ENOTCONN);
    CHECK_ERRNO(connect(ends[0], (struct sockaddr *)&address, sizeof address), ENOTSOCK);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, 3), EINVAL);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)8, sizeof address), EFAULT);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EISCONN);
    CHECK_EQ(close(listener), 0);
    int refusing = refusing_tcp(&address);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(late, (struct sockaddr *)&address, sizeof address), ECONNREFUSED);
    CHECK_EQ(fcntl(late, F_GETFL) & O_NONBLOCK, 0);
    int later = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    errno = 0;
    int rc = connect(later, (struct sockaddr *)&address, sizeof address);
    CHECK(rc == -1 && (errno == ECONNREFUSED || errno == EINPROGRESS));
    struct sockaddr_un none = {.sun_family = AF_UNIX, .sun_path = "/tmp/lichen/no/such/socket"};
    int local = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(local, (struct sockaddr *)&none, sizeof none), ENOENT);
    close(ends[0]), close(ends[1]), close(fd), close(datagram), close(refusing), close(late), close(later), close(local);
    return NULL;
}

int main(void)
{
    all(NULL);
    in_both_threads(all);
    printf("done\n");
    return 0;
}
