/* Sleeping threads wake in the order of their times, not in the order of their start. */
#include "check.h"

#define THREADS 8
static atomic_int next;
static int order[THREADS];
static struct timespec base;

static void *sleeps(void *arg)
{
    long me = (long)arg;
    struct timespec at = base;
    at.tv_nsec += (THREADS - me) * 15000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
    order[atomic_fetch_add(&next, 1)] = (int)me;
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    base = in_ms(CLOCK_MONOTONIC, 30);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(sleeps, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < THREADS; i++)
        printf("%d ", order[i]);
    printf("\n");
    return 0;
}
