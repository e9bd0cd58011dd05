/* Two threads that answer requests, each with a client who has the next one there at once: they take turns, so that neither
 * client waits until the other has no more. Looked at on green threads only; natively each may have a processor.
 * greens
 */
#include "check.h"
#include <poll.h>

#define REQUESTS 200
static int served[2 * REQUESTS];
static atomic_int count, begun;

enum way { PLAIN, RECV, RECVMSG, RECVMMSG, WAYS };
static enum way way;

/* Without waiting, in one of the ways there are. */
static long take_one(int fd, char *byte)
{
    struct iovec part = {byte, 1};
    struct mmsghdr one = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    switch (way) {
    case RECV: return recv(fd, byte, 1, MSG_DONTWAIT);
    case RECVMSG: return recvmsg(fd, &one.msg_hdr, MSG_DONTWAIT);
    default: return recvmmsg(fd, &one, 1, MSG_DONTWAIT, NULL);
    }
}

static long read_one(int fd, char *byte)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    if (way == PLAIN)
        return read(fd, byte, 1);
    for (;;) {
        long got = take_one(fd, byte);
        if (got != -1 || errno != EAGAIN)
            return got;
        CHECK_EQ(poll(&one, 1, -1), 1);
    }
}

static int servers[2];

static void *serves(void *arg)
{
    int who = (int)(long)arg;
    char byte;
    atomic_fetch_add(&begun, 1);
    for (int i = 0; i < REQUESTS; i++) {
        CHECK_EQ(read_one(servers[who], &byte), 1);
        served[atomic_fetch_add(&count, 1)] = who;
        CHECK_EQ(send(servers[who], &byte, 1, MSG_NOSIGNAL), 1);
    }
    return NULL;
}

/* The longest row of requests of one client while the other has some left. */
static int longest_row(void)
{
    int left[2] = {REQUESTS, REQUESTS}, longest = 0, row = 0;
    for (int i = 0; i < 2 * REQUESTS && left[0] && left[1]; i++) {
        row = i > 0 && served[i] == served[i - 1] ? row + 1 : 1;
        longest = row > longest ? row : longest;
        left[served[i]]--;
    }
    return longest;
}

static void take_turns(int tcp)
{
    int clients[2];
    pthread_t threads[2];
    static const char requests[REQUESTS];
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (tcp)
            tcp_pair(ends);
        else
            CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        servers[i] = ends[0];
        clients[i] = ends[1];
        CHECK_EQ(write(clients[i], requests, REQUESTS), REQUESTS);
    }
    atomic_store(&count, 0);
    atomic_store(&begun, 0);
    for (long i = 0; i < 2; i++)
        threads[i] = start(serves, (void *)i);
    for (int i = 0; i < 2; i++) {
        join(threads[i]);
        CHECK_EQ(close(servers[i]), 0);
        CHECK_EQ(close(clients[i]), 0);
    }
    CHECK_EQ(atomic_load(&count), 2 * REQUESTS);
    if (expect_greens() && longest_row() > 4) {
        dprintf(2, "one client was served %d times in a row\n", longest_row());
        CHECK(!"they must take turns");
    }
}

static int idle[2];

static void *waits(void *arg)
{
    char byte;
    CHECK_EQ(read(idle[0], &byte, 1), 0);
    return arg;
}

int main(void)
{
    pthread_t threads[3];
    ticker_start();
    CHECK_EQ(pipe(idle), 0);
    for (int i = 0; i < 3; i++)
        threads[i] = start(waits, NULL);
    CHECK_GREENS();
    for (int tcp = 0; tcp < 2; tcp++)
        for (way = PLAIN; way < WAYS; way++)
            take_turns(tcp);
    CHECK_EQ(close(idle[1]), 0);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    ticker_end();
    printf("done\n");
    return 0;
}
