/* SO_RCVLOWAT on TCP: a receiver waits until that many bytes are there, or the peer closes; then it takes all there is, also
 * into parts of a vector that lie behind the one in which the mark falls. */
#include "check.h"
#include <sys/uio.h>

static int ends[2];
static atomic_int got, waiting;

static void *receives(void *arg)
{
    char buffer[64];
    (void)arg;
    atomic_store(&waiting, 1);
    atomic_store(&got, (int)recv(ends[0], buffer, sizeof buffer, 0));
    return NULL;
}

static void *receives_parts(void *arg)
{
    char buffer[64];
    struct iovec parts[3] = {{buffer, 12}, {buffer + 12, 0}, {buffer + 12, 40}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    atomic_store(&waiting, 1);
    long n = arg ? recvmsg(ends[0], &message, 0) : readv(ends[0], parts, 3);
    CHECK(n < 24 || !memcmp(buffer, "abcdefghijklmnopqrstuvwx", 24));
    atomic_store(&got, (int)n);
    return NULL;
}

/* Four bytes, and then twenty at once. */
static void into_parts(void *by_message)
{
    atomic_store(&waiting, 0);
    atomic_store(&got, 0);
    CHECK_EQ(send(ends[1], "abcd", 4, 0), 4);
    pthread_t thread = start(receives_parts, by_message);
    wait_for(&waiting, 1);
    wait_ticks(10);
    CHECK_EQ(atomic_load(&got), 0);
    CHECK_EQ(send(ends[1], "efghijklmnopqrstuvwx", 20, 0), 20);
    join(thread);
    CHECK_EQ(atomic_load(&got), 24);
}

enum way { READ, READV, RECVMSG, RECV };

static void *receives_somehow(void *way)
{
    char buffer[64];
    struct iovec part = {buffer, sizeof buffer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    long n = 0;
    atomic_store(&waiting, 1);
    switch ((enum way)(long)way) {
    case READ: n = read(ends[0], buffer, sizeof buffer); break;
    case READV: n = readv(ends[0], &part, 1); break;
    case RECVMSG: n = recvmsg(ends[0], &message, 0); break;
    case RECV: n = recv(ends[0], buffer, sizeof buffer, MSG_NOSIGNAL); break;
    }
    atomic_store(&got, (int)n);
    return NULL;
}

/* A mark that is set while a call waits is for the next one. */
static void set_meanwhile(int local, enum way way)
{
    int high = 40;
    if (local)
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    else
        tcp_pair(ends);
    atomic_store(&waiting, 0);
    pthread_t thread = start(receives_somehow, (void *)way);
    wait_for(&waiting, 1);
    wait_ticks(10);
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &high, sizeof high), 0);
    CHECK_EQ(send(ends[1], "abcdefghij", 10, 0), 10);
    if (local) {
        join(thread);
    } else {
        /* TCP does not even wake for less. */
        wait_ticks(10);
        CHECK_EQ(send(ends[1], "abcdefghijabcdefghijabcdefghij", 30, 0), 30);
        join(thread);
    }
    CHECK_EQ(atomic_load(&got), local ? 10 : 40);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

int main(void)
{
    int low = 10;
    ticker_start();
    tcp_pair(ends);
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low), 0);
    pthread_t thread = start(receives, NULL);
    wait_for(&waiting, 1);
    CHECK_EQ(send(ends[1], "abcd", 4, 0), 4);
    wait_ticks(10);
    CHECK_EQ(atomic_load(&got), 0);
    CHECK_EQ(send(ends[1], "efghijk", 7, 0), 7);
    join(thread);
    CHECK_EQ(atomic_load(&got), 11);
    into_parts(NULL);
    into_parts(&low);
    atomic_store(&got, -5);
    thread = start(receives, NULL);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    wait_ticks(5);
    CHECK_EQ(close(ends[1]), 0);
    join(thread);
    printf("got %d\n", atomic_load(&got));
    for (enum way way = READ; way <= RECV; way++) {
        set_meanwhile(0, way);
        set_meanwhile(1, way);
    }
    ticker_end();
    return 0;
}
