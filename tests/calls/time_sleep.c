/* The sleep family: never early, on both clocks, relative and absolute, others run meanwhile; bad times and pointers. */
#include "check.h"

static void *sleeps(void *arg)
{
    (void)arg;
    struct timespec time = {0, 15000000}, bad = {0, 1000000000}, negative = {-1, 0}, at, now;
    int64_t from = now_ns();
    CHECK_EQ(nanosleep(&time, NULL), 0);
    CHECK(now_ns() - from >= 15000000);
    from = now_ns();
    CHECK_EQ(usleep(15000), 0);
    CHECK(now_ns() - from >= 15000000);
    from = now_ns();
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &time, NULL), 0);
    CHECK(now_ns() - from >= 15000000);
    at = in_ms(CLOCK_MONOTONIC, 15);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
    at = in_ms(CLOCK_REALTIME, 15);
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL), 0);
    at.tv_sec -= 100;
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL), 0);
    at = (struct timespec){0, 0};
    CHECK_EQ(nanosleep(&at, NULL), 0);
    CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
    CHECK_ERRNO(nanosleep(&negative, NULL), EINVAL);
    CHECK_ERRNO(nanosleep((struct timespec *)8, NULL), EFAULT);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL), EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, (struct timespec *)8, NULL), EFAULT);
    return NULL;
}

int main(void)
{
    pthread_t threads[20];
    ticker_start();
    for (int i = 0; i < 20; i++)
        threads[i] = start(sleeps, NULL);
    wait_ticks(10);
    for (int i = 0; i < 20; i++)
        join(threads[i]);
    sleeps(NULL);
    ticker_end();
    printf("done\n");
    return 0;
}
