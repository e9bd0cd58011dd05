/* Futex time-outs, relative and absolute on both clocks, are never early, and others run meanwhile. */
#include "check.h"
#include <linux/futex.h>

static int word;

static void *waits(void *arg)
{
    (void)arg;
    struct timespec relative = {0, 25000000}, at;
    int64_t from = now_ns();
    CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &relative), ETIMEDOUT);
    CHECK(now_ns() - from >= 25000000);
    at = in_ms(CLOCK_MONOTONIC, 25);
    CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &at, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
    CHECK(now_ns() >= (int64_t)at.tv_sec * 1000000000 + at.tv_nsec);
    struct timespec real = in_ms(CLOCK_REALTIME, 25), now;
    CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &real, NULL,
                        FUTEX_BITSET_MATCH_ANY),
                ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(now.tv_sec > real.tv_sec || (now.tv_sec == real.tv_sec && now.tv_nsec >= real.tv_nsec));
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    ticker_start();
    for (int i = 0; i < 4; i++)
        threads[i] = start(waits, NULL);
    wait_ticks(5);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    ticker_end();
    printf("done\n");
    return 0;
}
