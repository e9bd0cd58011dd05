/* Two thousand threads sleep at once for different times, none too short.
 * greens
 */
#include "check.h"

#define THREADS 2000
static atomic_int awake;

static void *sleeps(void *arg)
{
    long us = 100000 + (long)arg * 37 % 200000;
    int64_t from = now_ns();
    struct timespec time = {0, us * 1000};
    CHECK_EQ(nanosleep(&time, NULL), 0);
    CHECK(now_ns() - from >= us * 1000);
    atomic_fetch_add(&awake, 1);
    return NULL;
}

int main(void)
{
    static pthread_t threads[THREADS];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 65536), 0);
    for (long i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], &attr, sleeps, (void *)i), 0);
    CHECK_GREENS();
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("awake %d\n", atomic_load(&awake));
    return 0;
}
