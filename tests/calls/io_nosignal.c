/* MSG_NOSIGNAL holds for the whole of a sendmsg() or send() that waits for room: when the peer goes meanwhile there is no
 * SIGPIPE, which would end the process here.
 */
#include "check.h"
#include <poll.h>
#include <sys/uio.h>

static char big[1 << 20];

static void *sends_message(void *arg)
{
    struct iovec vector[2] = {{big, 100}, {big, sizeof big - 100}};
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = 2};
    return (void *)sendmsg(*(int *)arg, &message, MSG_NOSIGNAL);
}

static void *sends(void *arg)
{
    return (void *)send(*(int *)arg, big, sizeof big, MSG_NOSIGNAL);
}

int main(void)
{
    void *(*functions[])(void *) = {sends_message, sends};
    ticker_start();
    for (int i = 0; i < 2; i++) {
        int pair[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        pthread_t thread = start(functions[i], &pair[0]);
        /* It has begun, and waits for room. */
        struct pollfd begun = {pair[1], POLLIN, 0};
        CHECK_EQ(poll(&begun, 1, -1), 1);
        wait_ticks(5);
        CHECK_EQ(close(pair[1]), 0);
        long sent = (long)join(thread);
        CHECK(sent > 0 && sent < (long)sizeof big);
    }
    ticker_end();
    printf("done\n");
    return 0;
}
