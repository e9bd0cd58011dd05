/* A wait on a futex ends by a wake, while other threads run.
 * waits: futex
 * greens
 */
#include "waiting.h"
#include <linux/futex.h>

static _Atomic uint32_t word = 1;

static void wake(void *arg)
{
    atomic_store(&word, 2);
    /* Not before it waits there: a wake that finds nobody is none. */
    while (syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0)
        sleep_ms(1);
    (void)arg;
}

static void wake_by_bits(void *arg)
{
    while (syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 4) == 0)
        sleep_ms(1);
    (void)arg;
}

int main(void)
{
    waiting_begin();
    CHECK_EQ(WAITS(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), wake, NULL), 0);
    CHECK_EQ(atomic_load(&word), 2);
    CHECK_EQ(WAITS(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 2, NULL, NULL, 6), wake_by_bits, NULL), 0);
    CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EAGAIN);
    waiting_end();
    printf("done\n");
    return 0;
}
