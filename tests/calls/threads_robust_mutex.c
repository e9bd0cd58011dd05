/* A thread ends while it holds robust mutexes: the next owner is told, may repair one and loses the other. A waiter
 * that already sleeps is woken and told too. */
#include "check.h"

static pthread_mutex_t mutex[3];
static atomic_int held;

static void *dies(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_mutex_lock(&mutex[i]), 0);
    atomic_store(&held, 1);
    sleep_ms(20);
    return NULL;
}

static void *sleeps_on_it(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_mutex_lock(&mutex[2]), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&mutex[2]), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex[2]), 0);
    return NULL;
}

int main(void)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK_EQ(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_mutex_init(&mutex[i], &attr), 0);
    pthread_t thread = start(dies, NULL);
    wait_for(&held, 1);
    pthread_t sleeper = start(sleeps_on_it, NULL);
    join(thread);
    join(sleeper);
    CHECK_EQ(pthread_mutex_lock(&mutex[0]), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&mutex[0]), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex[0]), 0);
    CHECK_EQ(pthread_mutex_lock(&mutex[0]), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex[0]), 0);
    CHECK_EQ(pthread_mutex_lock(&mutex[1]), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_unlock(&mutex[1]), 0);
    CHECK_EQ(pthread_mutex_lock(&mutex[1]), ENOTRECOVERABLE);
    printf("done\n");
    return 0;
}
