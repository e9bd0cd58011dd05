/* Read-write locks: readers together, a writer alone, try and timed forms. */
#include "check.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int inside_readers, most_readers, inside_writers;
static long value;
static pthread_barrier_t together;

static void *reader(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
    atomic_fetch_add(&inside_readers, 1);
    pthread_barrier_wait(&together);
    if (atomic_load(&inside_readers) > atomic_load(&most_readers))
        atomic_store(&most_readers, atomic_load(&inside_readers));
    CHECK_EQ(atomic_load(&inside_writers), 0);
    pthread_barrier_wait(&together);
    atomic_fetch_sub(&inside_readers, 1);
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    return NULL;
}

static void *writer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(pthread_rwlock_wrlock(&lock), 0);
        CHECK_EQ(atomic_fetch_add(&inside_writers, 1), 0);
        CHECK_EQ(atomic_load(&inside_readers), 0);
        long was = value;
        sched_yield();
        value = was + 1;
        atomic_fetch_sub(&inside_writers, 1);
        CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    }
    return NULL;
}

static void *busy(void *arg)
{
    (void)arg;
    struct timespec at = in_ms(CLOCK_REALTIME, 10);
    CHECK_EQ(pthread_rwlock_tryrdlock(&lock), EBUSY);
    CHECK_EQ(pthread_rwlock_trywrlock(&lock), EBUSY);
    CHECK_EQ(pthread_rwlock_timedrdlock(&lock, &at), ETIMEDOUT);
    at = in_ms(CLOCK_MONOTONIC, 10);
    CHECK_EQ(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &at), ETIMEDOUT);
    return NULL;
}

int main(void)
{
    pthread_t readers[5], writers[3];
    pthread_barrier_init(&together, NULL, 5);
    for (int i = 0; i < 5; i++)
        readers[i] = start(reader, NULL);
    for (int i = 0; i < 5; i++)
        join(readers[i]);
    for (int i = 0; i < 3; i++)
        writers[i] = start(writer, NULL);
    for (int i = 0; i < 3; i++)
        join(writers[i]);
    CHECK_EQ(pthread_rwlock_wrlock(&lock), 0);
    join(start(busy, NULL));
    CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
    printf("readers together %d, value %ld\n", atomic_load(&most_readers), value);
    return 0;
}
