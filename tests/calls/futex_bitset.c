/* FUTEX_WAIT_BITSET and FUTEX_WAKE_BITSET: only waiters with a common bit are woken. */
#include "check.h"
#include <linux/futex.h>

static atomic_int word, waiting, woken[3];

static void *waits(void *arg)
{
    int me = (int)(long)arg;
    atomic_fetch_add(&waiting, 1);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 1 << me), 0);
    atomic_fetch_add(&woken[me], 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[6];
    for (long i = 0; i < 6; i++)
        threads[i] = start(waits, (void *)(i % 3));
    wait_for(&waiting, 6);
    sleep_ms(20);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 8), 0);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2), 2);
    wait_for(&woken[1], 2);
    printf("woken %d %d %d\n", atomic_load(&woken[0]), atomic_load(&woken[1]), atomic_load(&woken[2]));
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 5), 1);
    CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 10), 3);
    for (int i = 0; i < 6; i++)
        join(threads[i]);
    printf("woken %d %d %d\n", atomic_load(&woken[0]), atomic_load(&woken[1]), atomic_load(&woken[2]));
    return 0;
}
