/* errno, thread-local variables, pthread_self and keys belong to each thread alone, also over a wait. */
#include "check.h"

#define THREADS 40
static __thread int tls_zero;
static __thread int tls_set = 1234;
static pthread_key_t key;
static atomic_int destroyed;
static pthread_barrier_t barrier;

static void destroy(void *value)
{
    CHECK_EQ((long)value, tls_zero);
    atomic_fetch_add(&destroyed, 1);
}

static void *own(void *arg)
{
    long me = (long)arg;
    pthread_t self = pthread_self();
    CHECK_EQ(tls_zero, 0);
    CHECK_EQ(tls_set, 1234);
    CHECK(pthread_getspecific(key) == NULL);
    tls_zero = (int)me;
    CHECK_EQ(pthread_setspecific(key, (void *)me), 0);
    errno = (int)me;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 5; i++) {
        sched_yield();
        CHECK_EQ(errno, me);
        sleep_ms(1);
        CHECK_EQ(tls_zero, me);
        CHECK_EQ((long)pthread_getspecific(key), me);
        CHECK(pthread_equal(self, pthread_self()));
    }
    return (void *)(long)(errno == me);
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(pthread_key_create(&key, destroy), 0);
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(own, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ((long)join(threads[i]), 1);
    CHECK_EQ(tls_zero, 0);
    printf("destroyed %d\n", atomic_load(&destroyed));
    return 0;
}
