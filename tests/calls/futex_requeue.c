/* FUTEX_REQUEUE and FUTEX_CMP_REQUEUE move waiters to another word; counts are as Linux gives them. */
#include "check.h"
#include <linux/futex.h>

static atomic_int first, second, waiting, woken;

static void *waits(void *arg)
{
    (void)arg;
    atomic_fetch_add(&waiting, 1);
    CHECK_EQ(syscall(SYS_futex, &first, FUTEX_WAIT_PRIVATE, 0, NULL), 0);
    atomic_fetch_add(&woken, 1);
    return NULL;
}

static void fill(pthread_t *threads, int count)
{
    atomic_store(&waiting, 0);
    atomic_store(&woken, 0);
    for (int i = 0; i < count; i++)
        threads[i] = start(waits, NULL);
    wait_for(&waiting, count);
    sleep_ms(20);
}

int main(void)
{
    pthread_t threads[6];
    fill(threads, 6);
    CHECK_ERRNO(syscall(SYS_futex, &first, FUTEX_CMP_REQUEUE_PRIVATE, 1, 10L, &second, 7), EAGAIN);
    /* CMP_REQUEUE counts the woken and the moved, REQUEUE too. */
    CHECK_EQ(syscall(SYS_futex, &first, FUTEX_CMP_REQUEUE_PRIVATE, 1, 3L, &second, 0), 4);
    wait_for(&woken, 1);
    CHECK_EQ(syscall(SYS_futex, &second, FUTEX_WAKE_PRIVATE, 1), 1);
    CHECK_EQ(syscall(SYS_futex, &first, FUTEX_WAKE_PRIVATE, 10), 2);
    CHECK_EQ(syscall(SYS_futex, &second, FUTEX_WAKE_PRIVATE, 10), 2);
    for (int i = 0; i < 6; i++)
        join(threads[i]);
    fill(threads, 4);
    CHECK_EQ(syscall(SYS_futex, &first, FUTEX_REQUEUE_PRIVATE, 0, 10L, &second), 4);
    CHECK_EQ(syscall(SYS_futex, &first, FUTEX_WAKE_PRIVATE, 10), 0);
    CHECK_EQ(atomic_load(&woken), 0);
    CHECK_EQ(syscall(SYS_futex, &second, FUTEX_WAKE_PRIVATE, 10), 4);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("woken %d\n", atomic_load(&woken));
    return 0;
}
