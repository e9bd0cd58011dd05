/* A mutex with priority inheritance: exclusion, waiting, try, owner errors (the kernel's FUTEX_LOCK_PI). */
#include "check.h"

static pthread_mutex_t mutex;
static long counter;

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(pthread_mutex_lock(&mutex), 0);
        long was = counter;
        sched_yield();
        counter = was + 1;
        CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    }
    return NULL;
}

static void *is_busy(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_mutex_trylock(&mutex), EBUSY);
    struct timespec at = in_ms(CLOCK_REALTIME, 10);
    CHECK_EQ(pthread_mutex_timedlock(&mutex, &at), ETIMEDOUT);
    return NULL;
}

int main(void)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
    CHECK_EQ(pthread_mutex_init(&mutex, &attr), 0);
    in_many_threads(4, count);
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    join(start(is_busy, NULL));
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    printf("counter %ld\n", counter);
    return 0;
}
