/* A mutex with priority inheritance is handed to a thread that waits still, not to one whose time is over; and it is
 * free again when all have had it.
 */
#include "check.h"

static pthread_mutex_t mutex;
static atomic_int begun, late, got;

static void *gives_up(void *arg)
{
    struct timespec at = in_ms(CLOCK_REALTIME, 10);
    (void)arg;
    atomic_fetch_add(&begun, 1);
    CHECK_EQ(pthread_mutex_timedlock(&mutex, &at), ETIMEDOUT);
    atomic_fetch_add(&late, 1);
    return NULL;
}

static void *takes(void *arg)
{
    struct timespec at = in_ms(CLOCK_REALTIME, 60000);
    atomic_fetch_add(&begun, 1);
    CHECK_EQ(arg ? pthread_mutex_timedlock(&mutex, &at) : pthread_mutex_lock(&mutex), 0);
    int before = atomic_fetch_add(&got, 1);
    sched_yield();
    CHECK_EQ(atomic_load(&got), before + 1);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    return NULL;
}

static void *is_free(void *arg)
{
    CHECK_EQ(pthread_mutex_trylock(&mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    return arg;
}

#define EACH 3

int main(void)
{
    pthread_mutexattr_t attributes;
    pthread_t threads[2 * EACH];
    CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutex_init(&mutex, &attributes), 0);
    ticker_start();
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    for (int i = 0; i < EACH; i++) {
        threads[2 * i] = start(gives_up, NULL);
        threads[2 * i + 1] = start(takes, i % 2 ? &mutex : NULL);
    }
    wait_for(&begun, 2 * EACH);
    wait_for(&late, EACH);
    wait_ticks(2);
    CHECK_EQ(atomic_load(&got), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    for (int i = 0; i < 2 * EACH; i++)
        join(threads[i]);
    CHECK_EQ(atomic_load(&got), EACH);

    /* Only a waiter whose time is over: nobody is left to hand it to. */
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    join(start(gives_up, NULL));
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    join(start(is_free, NULL));
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    ticker_end();
    CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
    printf("done\n");
    return 0;
}
