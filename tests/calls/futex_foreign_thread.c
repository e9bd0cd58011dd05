/* A kernel thread made by raw clone before the first pthread_create locks, waits and wakes together with pthreads, on
 * private memory.
 * without: proc_mem
 */
#include "foreign.h"
#include <linux/futex.h>

static atomic_int lock_word, to_foreign, to_thread, rounds, done;
static long guarded;

static long futex(atomic_int *at, int op, int value)
{
    return syscall(SYS_futex, at, op, value, NULL);
}

/* The mutex of "Futexes are tricky": 0 free, 1 held, 2 held and perhaps waited for. */
static void lock(void)
{
    int was = 0;
    if (atomic_compare_exchange_strong(&lock_word, &was, 1))
        return;
    if (was != 2)
        was = atomic_exchange(&lock_word, 2);
    while (was != 0) {
        futex(&lock_word, FUTEX_WAIT_PRIVATE, 2);
        was = atomic_exchange(&lock_word, 2);
    }
}

static void unlock(void)
{
    if (atomic_exchange(&lock_word, 0) == 2)
        futex(&lock_word, FUTEX_WAKE_PRIVATE, 1);
}

#define ROUNDS 300

static void foreign_body(void)
{
    for (int i = 1; i <= ROUNDS; i++) {
        while (atomic_load(&to_foreign) < i)
            futex(&to_foreign, FUTEX_WAIT_PRIVATE, i - 1);
        lock();
        guarded++;
        unlock();
        atomic_store(&to_thread, i);
        futex(&to_thread, FUTEX_WAKE_PRIVATE, 1);
    }
    atomic_store(&done, 1);
    futex(&done, FUTEX_WAKE_PRIVATE, 10);
}

static void *adds(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++) {
        lock();
        long was = guarded;
        if (i % 10 == 0)
            sched_yield();
        guarded = was + 1;
        unlock();
    }
    return NULL;
}

static void *ping(void *arg)
{
    (void)arg;
    for (int i = 1; i <= ROUNDS; i++) {
        atomic_store(&to_foreign, i);
        futex(&to_foreign, FUTEX_WAKE_PRIVATE, 1);
        while (atomic_load(&to_thread) < i)
            futex(&to_thread, FUTEX_WAIT_PRIVATE, i - 1);
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

int main(void)
{
    start_foreign();
    pthread_t threads[5];
    threads[0] = start(ping, NULL);
    for (int i = 1; i < 5; i++)
        threads[i] = start(adds, NULL);
    for (int i = 0; i < 5; i++)
        join(threads[i]);
    while (!atomic_load(&done))
        futex(&done, FUTEX_WAIT_PRIVATE, 0);
    printf("rounds %d, guarded %ld\n", atomic_load(&rounds), guarded);
    return 0;
}
