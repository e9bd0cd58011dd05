/* SO_RCVTIMEO and SO_SNDTIMEO: EAGAIN after the time and not before, partial results kept, a time-out for accept too,
 * and setting it back to zero means waiting for ever again. */
#include "socket_timeout.h"

static void with(int ends[2])
{
    static char data[1 << 20];
    char byte;
    set_timeout(ends[0], SO_RCVTIMEO, 30);
    TIMES_OUT(recv(ends[0], &byte, 1, 0), 30, EAGAIN);
    TIMES_OUT(read(ends[0], &byte, 1), 30, EAGAIN);
    CHECK_EQ(send(ends[1], "ab", 2, 0), 2);
    CHECK_EQ(recv(ends[0], data, 10, MSG_WAITALL), 2);
    set_timeout(ends[0], SO_SNDTIMEO, 30);
    CHECK(send(ends[0], data, sizeof data, 0) > 0);
    SENDS_LATE(send(ends[0], data, sizeof data, 0), 30, EAGAIN);
    set_timeout(ends[0], SO_RCVTIMEO, 0);
    CHECK_EQ(send(ends[1], "c", 1, 0), 1);
    CHECK_EQ(recv(ends[0], &byte, 1, 0), 1);
    close(ends[0]), close(ends[1]);
}

static void *all(void *arg)
{
    int ends[2];
    struct sockaddr_in address;
    (void)arg;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    with(ends);
    tcp_pair(ends);
    with(ends);
    int listener = listen_tcp(&address, 1);
    set_timeout(listener, SO_RCVTIMEO, 30);
    TIMES_OUT(accept(listener, NULL, NULL), 30, EAGAIN);
    close(listener);
    return NULL;
}

int main(void)
{
    ticker_start();
    in_both_threads(all);
    ticker_end();
    printf("done\n");
    return 0;
}
