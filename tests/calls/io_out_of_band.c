/* Urgent data stops a read at its mark: the short read is no sign that the socket is empty, and what follows must be
 * found although no new data comes. In-line and apart. */
#include "check.h"
#include <poll.h>

static int ends[2];

static void *reads_apart(void *arg)
{
    char buffer[64];
    (void)arg;
    CHECK_EQ(recv(ends[0], buffer, 64, 0), 3);
    CHECK(memcmp(buffer, "abc", 3) == 0);
    char urgent = 0;
    CHECK_EQ(recv(ends[0], &urgent, 1, MSG_OOB), 1);
    CHECK_EQ(urgent, '!');
    CHECK_EQ(recv(ends[0], buffer, 64, 0), 3);
    CHECK(memcmp(buffer, "def", 3) == 0);
    CHECK_ERRNO(recv(ends[0], &urgent, 1, MSG_OOB), EINVAL);
    return NULL;
}

static void *reads_inline(void *arg)
{
    char buffer[64];
    (void)arg;
    CHECK_EQ(read(ends[0], buffer, 64), 3);
    CHECK_EQ(sockatmark(ends[0]), 1);
    CHECK_EQ(read(ends[0], buffer, 64), 4);
    CHECK(memcmp(buffer, "!def", 4) == 0);
    return NULL;
}

static void send_all(void)
{
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    CHECK_EQ(send(ends[1], "!", 1, MSG_OOB), 1);
    CHECK_EQ(send(ends[1], "def", 3, 0), 3);
    struct pollfd all_there = {.fd = ends[0], .events = POLLPRI};
    CHECK_EQ(poll(&all_there, 1, -1), 1);
    CHECK(all_there.revents & POLLPRI);
    sleep_ms(5);
}

int main(void)
{
    int on = 1;
    ticker_start();
    tcp_pair(ends);
    send_all();
    join(start(reads_apart, NULL));
    close(ends[0]), close(ends[1]);
    tcp_pair(ends);
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
    send_all();
    join(start(reads_inline, NULL));
    ticker_end();
    printf("done\n");
    return 0;
}
