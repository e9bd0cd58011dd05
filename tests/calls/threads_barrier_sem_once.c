/* Barriers choose one serial thread a round, semaphores count, once-functions run once while others wait. */
#include "check.h"
#include <semaphore.h>

#define THREADS 6
static pthread_barrier_t barrier;
static atomic_int serial, once_runs, after_once, taken;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t sem;

static void init_once(void)
{
    sleep_ms(10);
    atomic_fetch_add(&once_runs, 1);
}

static void *work(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        int rc = pthread_barrier_wait(&barrier);
        CHECK(rc == 0 || rc == PTHREAD_BARRIER_SERIAL_THREAD);
        atomic_fetch_add(&serial, rc == PTHREAD_BARRIER_SERIAL_THREAD);
    }
    CHECK_EQ(pthread_once(&once, init_once), 0);
    CHECK_EQ(atomic_load(&once_runs), 1);
    atomic_fetch_add(&after_once, 1);
    CHECK_EQ(sem_wait(&sem), 0);
    atomic_fetch_add(&taken, 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    CHECK_EQ(sem_init(&sem, 0, 0), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(work, NULL);
    wait_for(&after_once, THREADS);
    CHECK_EQ(atomic_load(&taken), 0);
    CHECK_ERRNO(sem_trywait(&sem), EAGAIN);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(sem_post(&sem), 0);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    struct timespec at = in_ms(CLOCK_REALTIME, 20);
    int64_t from = now_ns();
    CHECK_ERRNO(sem_timedwait(&sem, &at), ETIMEDOUT);
    CHECK(now_ns() - from >= 19000000);
    at = in_ms(CLOCK_MONOTONIC, 5);
    CHECK_ERRNO(sem_clockwait(&sem, CLOCK_MONOTONIC, &at), ETIMEDOUT);
    int left = -1;
    CHECK_EQ(sem_getvalue(&sem, &left), 0);
    printf("serial %d, once %d, taken %d, left %d\n", atomic_load(&serial), atomic_load(&once_runs),
           atomic_load(&taken), left);
    return 0;
}
