/* shutdown: the peer reads what was sent and then the end; a waiting reader of our own side is let go; both ways. */
#include "check.h"

static int fd_now;
static atomic_int waiting;

static void *reads(void *arg)
{
    char buffer[8];
    (void)arg;
    atomic_store(&waiting, 1);
    return (void *)recv(fd_now, buffer, sizeof buffer, 0);
}

static pthread_t waiting_reader(int fd)
{
    fd_now = fd;
    atomic_store(&waiting, 0);
    pthread_t thread = start(reads, NULL);
    wait_for(&waiting, 1);
    sleep_ms(5);
    return thread;
}

static void with(int ends[2])
{
    char buffer[8];
    CHECK_EQ(send(ends[0], "abc", 3, 0), 3);
    CHECK_EQ(shutdown(ends[0], SHUT_WR), 0);
    CHECK_EQ(recv(ends[1], buffer, 8, 0), 3);
    CHECK_EQ(recv(ends[1], buffer, 8, 0), 0);
    CHECK_EQ(recv(ends[1], buffer, 8, 0), 0);
    pthread_t thread = waiting_reader(ends[0]);
    CHECK_EQ(send(ends[1], "abcd", 4, 0), 4);
    CHECK_EQ((long)join(thread), 4);
    thread = waiting_reader(ends[0]);
    CHECK_EQ(shutdown(ends[0], SHUT_RD), 0);
    CHECK_EQ((long)join(thread), 0);
    CHECK_ERRNO(send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    int ends[2];
    ticker_start();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    with(ends);
    tcp_pair(ends);
    with(ends);
    ticker_end();
    printf("done\n");
    return 0;
}
