/* A kernel thread made by raw clone gets the kernel's errors for bad futex addresses while pthreads live.
 * without: proc_mem
 */
#include "foreign.h"
#include <linux/futex.h>

/* What each call of the foreign thread returned: 0, or errno. */
static int seen[8];
static atomic_int go, done;
static int word;

static int outcome(long rc)
{
    return rc == -1 ? errno : (int)rc;
}

static void foreign_body(void)
{
    char *address = (char *)&word;
    while (!atomic_load(&go))
        syscall(SYS_sched_yield);
    seen[0] = outcome(syscall(SYS_futex, 8, FUTEX_WAIT_PRIVATE, 0, NULL));
    seen[1] = outcome(syscall(SYS_futex, 8, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 1));
    seen[2] = outcome(syscall(SYS_futex, 8, FUTEX_WAIT, 0, NULL));
    seen[3] = outcome(syscall(SYS_futex, -4096L, FUTEX_WAIT_PRIVATE, 0, NULL));
    seen[4] = outcome(syscall(SYS_futex, address + 1, FUTEX_WAIT_PRIVATE, 0, NULL));
    seen[5] = outcome(syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, 1, NULL));
    seen[6] = outcome(syscall(SYS_futex, address, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 0));
    seen[7] = outcome(syscall(SYS_futex, address, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, address, 1));
    atomic_store(&done, 1);
}

int main(void)
{
    static const int wanted[8] = {EFAULT, EFAULT, EFAULT, EFAULT, EINVAL, EAGAIN, EINVAL, EAGAIN};
    start_foreign();
    ticker_start();
    wait_ticks(2);
    atomic_store(&go, 1);
    wait_for(&done, 1);
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        CHECK_EQ(seen[i], wanted[i]);
    ticker_end();
    printf("done\n");
    return 0;
}
