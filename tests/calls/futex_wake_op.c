/* FUTEX_WAKE_OP changes the second word, wakes on the first, and on the second if its old value compares. */
#include "check.h"
#include <linux/futex.h>

static atomic_int first, second, waiting;

static void *waits(void *arg)
{
    atomic_int *word = arg;
    int was = atomic_load(word);
    atomic_fetch_add(&waiting, 1);
    CHECK_EQ(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, was, NULL), 0);
    return NULL;
}

static long wake_op(int op, int oparg, int cmp, int cmparg)
{
    return syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 10, 10L, &second, FUTEX_OP(op, oparg, cmp, cmparg));
}

int main(void)
{
    pthread_t threads[4];
    atomic_store(&second, 5);
    for (int i = 0; i < 4; i++)
        threads[i] = start(waits, i < 2 ? &first : &second);
    wait_for(&waiting, 4);
    sleep_ms(20);
    CHECK_EQ(wake_op(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 5), 2);
    CHECK_EQ(atomic_load(&second), 8);
    CHECK_EQ(wake_op(FUTEX_OP_SET, 21, FUTEX_OP_CMP_EQ, 8), 2);
    CHECK_EQ(atomic_load(&second), 21);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    CHECK_EQ(wake_op(FUTEX_OP_XOR, 1, FUTEX_OP_CMP_LT, 0), 0);
    CHECK_EQ(atomic_load(&second), 20);
    CHECK_EQ(wake_op(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 3, FUTEX_OP_CMP_NE, 0), 0);
    CHECK_EQ(atomic_load(&second), 28);
    CHECK_EQ(wake_op(FUTEX_OP_ANDN, 4, FUTEX_OP_CMP_NE, 0), 0);
    printf("second %d\n", atomic_load(&second));
    return 0;
}
