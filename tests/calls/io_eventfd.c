/* eventfd: waiting readers and a waiting writer (the counter is full), semaphore mode. */
#include "check.h"
#include <sys/eventfd.h>

static int event;
static atomic_int waiting;

static void *reads(void *arg)
{
    uint64_t value;
    (void)arg;
    CHECK_EQ(read(event, &value, 8), 8);
    return (void *)value;
}

static void *fills(void *arg)
{
    uint64_t value = UINT64_MAX - 1;
    (void)arg;
    CHECK_EQ(write(event, &value, 8), 8);
    value = 5;
    atomic_store(&waiting, 1);
    CHECK_EQ(write(event, &value, 8), 8);
    return NULL;
}

int main(void)
{
    uint64_t value;
    ticker_start();
    event = eventfd(0, 0);
    pthread_t thread = start(fills, NULL);
    wait_for(&waiting, 1);
    wait_ticks(5);
    CHECK_EQ(read(event, &value, 8), 8);
    CHECK(value == UINT64_MAX - 1);
    join(thread);
    CHECK_EQ(read(event, &value, 8), 8);
    CHECK_EQ(value, 5);
    close(event);

    pthread_t readers[5];
    event = eventfd(0, EFD_SEMAPHORE);
    for (int i = 0; i < 5; i++)
        readers[i] = start(reads, NULL);
    wait_ticks(3);
    value = 5;
    CHECK_EQ(write(event, &value, 8), 8);
    for (int i = 0; i < 5; i++)
        CHECK_EQ((long)join(readers[i]), 1);
    ticker_end();
    printf("done\n");
    return 0;
}
