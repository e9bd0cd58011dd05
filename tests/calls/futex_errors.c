/* futex with bad pointers, operations and times fails as Linux does, also while other threads live. */
#include "check.h"
#include <linux/futex.h>

static int word;

static long futex(void *at, int op, int value, const void *time, void *other, unsigned last)
{
    return syscall(SYS_futex, at, op, value, time, other, last);
}

static void all(void)
{
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, past = {0, 0};
    void *odd = (char *)&word + 1, *nowhere = (void *)8;
    word = 0;
    CHECK_ERRNO(futex(nowhere, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(nowhere, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(odd, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(odd, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, &bad, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, &negative, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, nowhere, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 0, &past, NULL, 0), ETIMEDOUT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 1, &past, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &past, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &past, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
    CHECK_ERRNO(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex(&word, 99 | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERRNO(futex(nowhere, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, &word, 0), EFAULT);
}

static void *in_thread(void *arg)
{
    all();
    return arg;
}

int main(void)
{
    all();
    ticker_start();
    all();
    join(start(in_thread, NULL));
    ticker_end();
    printf("done\n");
    return 0;
}
