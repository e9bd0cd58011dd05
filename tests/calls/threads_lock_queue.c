/* A hundred threads queue for a mutex while a hundred others are ready to run all the time. Whoever is handed the mutex
 * runs soon, not after a turn of each of the others: else the queue would take a hundred times a hundred turns.
 * Looked at on green threads only; natively the others have a processor for themselves.
 * greens
 */
#include "check.h"

#define THREADS 100
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int queued, through, turning;
static atomic_long turns;

static void *queues(void *arg)
{
    atomic_fetch_add(&queued, 1);
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    atomic_fetch_add(&through, 1);
    return arg;
}

static void *turns_round(void *arg)
{
    atomic_fetch_add(&turning, 1);
    while (through < THREADS) {
        atomic_fetch_add(&turns, 1);
        sched_yield();
    }
    return arg;
}

int main(void)
{
    pthread_t waiters[THREADS], others[THREADS];
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    for (int i = 0; i < THREADS; i++)
        waiters[i] = start(queues, NULL);
    while (queued < THREADS)
        usleep(1000);
    CHECK_GREENS();
    usleep(10000); /* from there into the queue */
    for (int i = 0; i < THREADS; i++)
        others[i] = start(turns_round, NULL);
    while (turning < THREADS)
        sched_yield();
    long before = turns;
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    for (int i = 0; i < THREADS; i++)
        join(waiters[i]);
    long taken = turns - before;
    for (int i = 0; i < THREADS; i++)
        join(others[i]);
    if (expect_greens() && taken > THREADS * THREADS / 4) {
        dprintf(2, "%ld turns of the others\n", taken);
        return 1;
    }
    puts("all had the mutex");
    return 0;
}
