/* poll over 1,000 descriptors by several threads at once; the one that becomes ready is found by each. */
#include "check.h"
#include <poll.h>

#define FDS 500
#define THREADS 8
static int ends[FDS][2];
static atomic_int waiting;

static void *polls(void *arg)
{
    struct pollfd list[2 * FDS];
    (void)arg;
    for (int i = 0; i < FDS; i++) {
        list[2 * i] = (struct pollfd){ends[i][0], POLLIN, 0};
        list[2 * i + 1] = (struct pollfd){ends[i][1], POLLIN, 0};
    }
    atomic_fetch_add(&waiting, 1);
    CHECK_EQ(poll(list, 2 * FDS, 10000), 1);
    for (int i = 0; i < 2 * FDS; i++)
        if (list[i].revents)
            return (void *)(long)i;
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    raise_descriptor_limit();
    for (int i = 0; i < FDS; i++)
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
    for (int round = 0; round < 3; round++) {
        char byte;
        int which = 100 + round * 150;
        atomic_store(&waiting, 0);
        for (int i = 0; i < THREADS; i++)
            threads[i] = start(polls, NULL);
        wait_for(&waiting, THREADS);
        sleep_ms(5);
        CHECK_EQ(write(ends[which][1], "x", 1), 1);
        for (int i = 0; i < THREADS; i++)
            CHECK_EQ((long)join(threads[i]), 2 * which);
        CHECK_EQ(read(ends[which][0], &byte, 1), 1);
    }
    printf("done\n");
    return 0;
}
