/* sendmmsg and recvmmsg of several messages wait in the first one; the number is closed meanwhile and something else gets it:
 * nothing is sent there, and nothing is taken from there.
 */
#include "check.h"

#define LARGE (4 << 20)
static char large[LARGE];
static int pair[2], other[2];
static atomic_int begun;

static void *sends_two(void *arg)
{
    struct iovec parts[2] = {{large, LARGE}, {"second", 6}};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}},
                                  {.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}};
    atomic_store(&begun, 1);
    CHECK(sendmmsg(pair[0], messages, 2, 0) >= 1);
    CHECK_EQ(messages[0].msg_len, LARGE);
    return arg;
}

static void *receives_two(void *arg)
{
    char bytes[2][8];
    struct iovec parts[2] = {{bytes[0], 8}, {bytes[1], 8}};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}},
                                  {.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}};
    atomic_store(&begun, 1);
    CHECK(recvmmsg(pair[0], messages, 2, 0, NULL) >= 1);
    CHECK_EQ(messages[0].msg_len, 5);
    CHECK(!memcmp(bytes[0], "first", 5));
    return arg;
}

/* Begins the call, and gives its number to one end of another pair while it waits. */
static pthread_t replaced_under(void *(*calls)(void *), int kind)
{
    CHECK_EQ(socketpair(AF_UNIX, kind, 0, pair), 0);
    CHECK_EQ(socketpair(AF_UNIX, kind, 0, other), 0);
    atomic_store(&begun, 0);
    pthread_t thread = start(calls, NULL);
    wait_for(&begun, 1);
    wait_ticks(10);
    CHECK_EQ(dup2(other[0], pair[0]), pair[0]);
    return thread;
}

static void close_all(void)
{
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(close(pair[i]), 0);
        CHECK_EQ(close(other[i]), 0);
    }
}

int main(void)
{
    static char buffer[65536];
    ticker_start();
    pthread_t thread = replaced_under(sends_two, SOCK_STREAM);
    for (long got = 0; got < LARGE;) {
        ssize_t n = read(pair[1], buffer, LARGE - got < 65536 ? LARGE - got : 65536);
        CHECK(n > 0);
        got += n;
    }
    join(thread);
    CHECK_ERRNO(recv(other[1], buffer, 1, MSG_DONTWAIT), EAGAIN);
    close_all();

    thread = replaced_under(receives_two, SOCK_DGRAM);
    CHECK_EQ(send(other[1], "other", 5, 0), 5);
    CHECK_EQ(send(pair[1], "first", 5, 0), 5);
    /* Natively it goes on waiting for a second one there. */
    send(pair[1], "second", 6, MSG_NOSIGNAL);
    join(thread);
    CHECK_EQ(recv(other[0], buffer, 8, MSG_DONTWAIT), 5);
    close_all();
    ticker_end();
    printf("done\n");
    return 0;
}
