/* Mutexes of each kind: exclusion, try, recursive, error-checking, timed and by a given clock. */
#include "check.h"

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&plain);
        long was = counter;
        if (i % 100 == 0)
            sched_yield();
        counter = was + 1;
        pthread_mutex_unlock(&plain);
    }
    return NULL;
}

static void *times_out(void *arg)
{
    pthread_mutex_t *mutex = arg;
    int64_t from = now_ns();
    struct timespec at = in_ms(CLOCK_REALTIME, 20);
    CHECK_EQ(pthread_mutex_timedlock(mutex, &at), ETIMEDOUT);
    CHECK(now_ns() - from >= 19000000);
    from = now_ns();
    at = in_ms(CLOCK_MONOTONIC, 20);
    CHECK_EQ(pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &at), ETIMEDOUT);
    CHECK(now_ns() - from >= 20000000);
    CHECK_EQ(pthread_mutex_trylock(mutex), EBUSY);
    at.tv_nsec = 1000000000;
    CHECK_EQ(pthread_mutex_timedlock(mutex, &at), EINVAL);
    return NULL;
}

static void with_kind(int kind, int protocol)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t mutex;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_settype(&attr, kind), 0);
    CHECK_EQ(pthread_mutexattr_setprotocol(&attr, protocol), 0);
    CHECK_EQ(pthread_mutex_init(&mutex, &attr), 0);
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    if (kind == PTHREAD_MUTEX_RECURSIVE) {
        CHECK_EQ(pthread_mutex_lock(&mutex), 0);
        CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    }
    if (kind == PTHREAD_MUTEX_ERRORCHECK)
        CHECK_EQ(pthread_mutex_lock(&mutex), EDEADLK);
    join(start(times_out, &mutex));
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    if (kind == PTHREAD_MUTEX_ERRORCHECK)
        CHECK_EQ(pthread_mutex_unlock(&mutex), EPERM);
    CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
}

int main(void)
{
    in_many_threads(8, count);
    printf("counter %ld\n", counter);
    with_kind(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
    with_kind(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE);
    with_kind(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE);
    with_kind(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE);
    printf("done\n");
    return 0;
}
