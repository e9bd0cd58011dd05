/* Signals sent to one thread run there, whatever the others do; a blocked one stays pending for that thread alone until
 * it opens its mask. */
#include "check.h"

#define THREADS 10
static atomic_int ready, go, opened;
static __thread int mine;
static __thread volatile int handled;

static void handler(int number)
{
    (void)number;
    handled = mine;
}

static void *thread(void *arg)
{
    sigset_t set, pending;
    mine = (int)(long)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    atomic_fetch_add(&ready, 1);
    wait_for(&go, 1);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK_EQ(sigismember(&pending, SIGUSR1), mine % 2);
    CHECK_EQ(handled, 0);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    CHECK_EQ(handled, mine % 2 ? mine : 0);
    atomic_fetch_add(&opened, 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    signal(SIGUSR1, handler);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(thread, (void *)(i + 1));
    wait_for(&ready, THREADS);
    for (int i = 0; i < THREADS; i++)
        if ((i + 1) % 2)
            CHECK_EQ(pthread_kill(threads[i], SIGUSR1), 0);
    CHECK_EQ(handled, 0);
    atomic_store(&go, 1);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(pthread_kill(pthread_self(), 0), 0);
    CHECK_EQ(pthread_kill(pthread_self(), 99), EINVAL);
    printf("opened %d\n", atomic_load(&opened));
    return 0;
}
