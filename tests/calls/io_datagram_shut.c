/* A datagram socket that is shut down for reading: a blocking read gives 0, one that waits already too, and one that is not to
 * wait says EAGAIN. MSG_OOB means nothing to UDP: such a read waits as any other, and alone. */
#include "check.h"

static int fd_now, flags_now;
static atomic_int begun;

static void *receives(void *arg)
{
    char buffer[16];
    (void)arg;
    atomic_store(&begun, 1);
    return (void *)recv(fd_now, buffer, sizeof buffer, flags_now);
}

static pthread_t wait_on(int fd, int flags)
{
    fd_now = fd;
    flags_now = flags;
    atomic_store(&begun, 0);
    pthread_t thread = start(receives, NULL);
    while (!atomic_load(&begun))
        sched_yield();
    usleep(20000);
    return thread;
}

static void udp(int ends[2])
{
    struct sockaddr_in address[2];
    for (int i = 0; i < 2; i++) {
        socklen_t len = sizeof address[i];
        ends[i] = socket(AF_INET, SOCK_DGRAM, 0);
        address[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        CHECK_EQ(bind(ends[i], (void *)&address[i], len), 0);
        CHECK_EQ(getsockname(ends[i], (void *)&address[i], &len), 0);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(connect(ends[i], (void *)&address[1 - i], sizeof address[0]), 0);
}

static void shut(int fd)
{
    char buffer[16];
    pthread_t thread = wait_on(fd, 0);
    CHECK_EQ(shutdown(fd, SHUT_RD), 0);
    CHECK_EQ((long)join(thread), 0);
    CHECK_EQ(recv(fd, buffer, sizeof buffer, 0), 0);
    CHECK_EQ(read(fd, buffer, sizeof buffer), 0);
    CHECK_ERRNO(recv(fd, buffer, sizeof buffer, MSG_DONTWAIT), EAGAIN);
}

/* The number is closed under the call; its duplicate is shut down. */
static void shut_duplicate(int fd)
{
    pthread_t thread = wait_on(fd, 0);
    int other = dup(fd);
    CHECK_EQ(close(fd), 0);
    usleep(20000);
    CHECK_EQ(shutdown(other, SHUT_RDWR), 0);
    CHECK_EQ((long)join(thread), 0);
    CHECK_EQ(close(other), 0);
}

int main(void)
{
    int ends[2];
    udp(ends);
    pthread_t thread = wait_on(ends[0], MSG_OOB);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    CHECK_EQ((long)join(thread), 3);
    printf("MSG_OOB waits\n");
    shut(ends[0]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    shut(ends[0]);
    shut_duplicate(ends[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    shut_duplicate(ends[0]);
    printf("0 after SHUT_RD\n");
    return 0;
}
