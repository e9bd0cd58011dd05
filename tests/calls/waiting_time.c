/* Sleeps and yields let other threads run, and sleeps are not shorter than asked.
 * waits: nanosleep, clock_nanosleep, sched_yield
 * greens
 */
#include "waiting.h"

#define SLEEP_NS 50000000

int main(void)
{
    struct timespec time = {0, SLEEP_NS};
    waiting_begin();
    CHECK_GREENS();

    long from = ticker_now();
    int64_t begun = now_ns();
    CHECK_EQ(syscall(SYS_nanosleep, &time, NULL), 0);
    CHECK(now_ns() - begun >= SLEEP_NS);
    ticker_advanced(from, 1); /* its deadline came first, so it ran first, on however busy a machine */

    from = ticker_now();
    begun = now_ns();
    struct timespec until = in_ms(CLOCK_MONOTONIC, SLEEP_NS / 1000000);
    CHECK_EQ(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    CHECK(now_ns() - begun >= SLEEP_NS);
    ticker_advanced(from, 1);

    from = ticker_now();
    while (ticker_now() < from + TICKS)
        CHECK_EQ(syscall(SYS_sched_yield), 0);
    waiting_end();
    printf("done\n");
    return 0;
}
