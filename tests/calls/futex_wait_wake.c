/* futex by hand: wait and wake, the number woken, EAGAIN when the word differs, private and shared forms alike. */
#include "check.h"
#include <linux/futex.h>

static atomic_int word, waiting, woken;

static long futex(void *at, int op, int value, const struct timespec *time, void *other, int last)
{
    return syscall(SYS_futex, at, op, value, time, other, last);
}

static void *waits(void *arg)
{
    int op = (int)(long)arg;
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&word) == 0) {
        long rc = futex(&word, op, 0, NULL, NULL, 0);
        CHECK(rc == 0 || errno == EAGAIN);
    }
    atomic_fetch_add(&woken, 1);
    return NULL;
}

static void round_of(int wait_op, int wake_op)
{
    pthread_t threads[6];
    atomic_store(&word, 0);
    atomic_store(&waiting, 0);
    for (int i = 0; i < 6; i++)
        threads[i] = start(waits, (void *)(long)wait_op);
    wait_for(&waiting, 6);
    sleep_ms(20);
    CHECK_EQ(futex(&word, wake_op, 0x7fffffff, NULL, NULL, 0), 6);
    CHECK_EQ(futex(&word, wake_op, 1, NULL, NULL, 0) >= 0, 1);
    atomic_store(&word, 1);
    futex(&word, wake_op, 0x7fffffff, NULL, NULL, 0);
    for (int i = 0; i < 6; i++)
        join(threads[i]);
}

int main(void)
{
    join(start(waits, (void *)(atomic_store(&word, 1), (long)FUTEX_WAIT_PRIVATE)));
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EAGAIN);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    round_of(FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE);
    round_of(FUTEX_WAIT, FUTEX_WAKE);
    printf("woken %d\n", atomic_load(&woken));
    return 0;
}
