/* The first thread is one that glibc makes by itself, for a SIGEV_THREAD timer; its function runs and may wait.
 * flags: -lrt
 * greens
 */
#include "activation_common.h"

static atomic_int fired;

static void on_timer(union sigval value)
{
    CHECK_EQ(value.sival_int, 5);
    sleep_ms(1);
    atomic_fetch_add(&fired, 1);
}

int main(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer, .sigev_value = {5}};
    struct itimerspec when = {{0, 5000000}, {0, 5000000}}, off = {{0, 0}, {0, 0}};
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &when, NULL), 0);
    wait_for(&fired, 3);
    CHECK_EQ(timer_settime(timer, 0, &off, NULL), 0);
    check_threads_work(1);
    CHECK_EQ(timer_delete(timer), 0);
    printf("done\n");
    return 0;
}
