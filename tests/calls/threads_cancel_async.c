/* Asynchronous cancellation ends a thread that only computes.
 * caps: no
 */
#include "check.h"

static atomic_int ready;

static void *computes(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL), 0);
    atomic_store(&ready, 1);
    for (volatile long i = 0;; i++)
        if (i % 100000 == 0)
            sched_yield();
    return NULL;
}

int main(void)
{
    pthread_t thread = start(computes, NULL);
    wait_for(&ready, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    printf("done\n");
    return 0;
}
