/* Descriptors made non-blocking stay so, however it was done, and others stay blocking; the flags the program sees are
 * true at all times. */
#include "check.h"
#include <sys/eventfd.h>
#include <sys/ioctl.h>

static int nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    CHECK(flags >= 0);
    return !!(flags & O_NONBLOCK);
}

static void check_empty(int fd)
{
    char byte;
    CHECK_EQ(nonblocking(fd), 1);
    CHECK_ERRNO(read(fd, &byte, 1), EAGAIN);
    int copy = dup(fd);
    CHECK_ERRNO(read(copy, &byte, 1), EAGAIN);
    CHECK_EQ(close(copy), 0);
}

static void *all(void *arg)
{
    int ends[2], on = 1, off = 0, copy;
    char byte;
    (void)arg;
    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    check_empty(ends[0]);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(nonblocking(ends[0]), 0);
    copy = dup(ends[0]);
    CHECK_EQ(fcntl(copy, F_SETFL, O_NONBLOCK), 0);
    check_empty(ends[0]);
    CHECK_EQ(fcntl(ends[0], F_SETFL, 0), 0);
    CHECK_EQ(nonblocking(copy), 0);
    CHECK_EQ(ioctl(copy, FIONBIO, &on), 0);
    check_empty(ends[0]);
    CHECK_EQ(ioctl(ends[0], FIONBIO, &off), 0);
    CHECK_EQ(nonblocking(ends[0]), 0);

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    check_empty(ends[0]);
    check_empty(ends[1]);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_ERRNO(recv(fd, &byte, 1, 0), EAGAIN);
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    CHECK(copy >= 100);
    CHECK_ERRNO(recv(copy, &byte, 1, 0), EAGAIN);
    fd = eventfd(0, EFD_NONBLOCK);
    uint64_t value;
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);

    int listener = listen_tcp(&address, 4);
    CHECK_EQ(nonblocking(listener), 0);
    CHECK_EQ(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
    int client = connected_tcp(&address);
    CHECK_EQ(nonblocking(client), 0);
    CHECK_EQ(fcntl(listener, F_SETFL, 0), 0);
    int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    check_empty(server);
    CHECK_EQ(fcntl(server, F_GETFD), FD_CLOEXEC);
    for (fd = 3; fd < 120; fd++)
        close(fd);
    return NULL;
}

int main(void)
{
    all(NULL);
    for (int i = 0; i < 3; i++)
        join(start(all, NULL));
    printf("done\n");
    return 0;
}
