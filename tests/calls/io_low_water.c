/* SO_RCVLOWAT on TCP: a receiver waits until that many bytes are there, or the peer closes. */
#include "check.h"

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
    atomic_store(&got, -5);
    thread = start(receives, NULL);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    wait_ticks(5);
    CHECK_EQ(close(ends[1]), 0);
    join(thread);
    printf("got %d\n", atomic_load(&got));
    ticker_end();
    return 0;
}
