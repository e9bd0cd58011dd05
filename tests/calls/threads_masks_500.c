/* 500 threads, one after the other and a few at a time, each of which blocks and unblocks a signal: all are joined. How
 * often the kernel hears of their masks is counted from outside.
 */
#include "check.h"

static void *masks(void *arg)
{
    sigset_t set, now;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, &now), 0);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    return arg;
}

int main(void)
{
    long sum = 0;
    for (long round = 0; round < 100; round++) {
        pthread_t threads[5];
        for (long i = 0; i < 5; i++)
            threads[i] = start(masks, (void *)i);
        for (int i = 0; i < 5; i++)
            sum += (long)join(threads[i]);
    }
    printf("sum %ld\n", sum);
    return 0;
}
