/* A signal handler ends nanosleep with EINTR and the right remainder, in the thread that got the signal and in no
 * other; an absolute sleep has no remainder; sleep() returns whole seconds left. */
#include "handled.h"

static atomic_int sleeping;

static void *interrupted(void *arg)
{
    (void)arg;
    struct timespec time = {50, 0}, left = {0, 0}, at = in_ms(CLOCK_MONOTONIC, 50000);
    atomic_store(&sleeping, 1);
    CHECK_ERRNO(nanosleep(&time, &left), EINTR);
    CHECK(left.tv_sec < 50 && left.tv_sec >= 0 && left.tv_nsec > 0);
    left.tv_sec = 77;
    atomic_store(&sleeping, 2);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, &left), EINTR);
    CHECK_EQ(left.tv_sec, 77);
    atomic_store(&sleeping, 3);
    unsigned rest = sleep(100);
    CHECK(rest > 0 && rest < 100);
    return NULL;
}

static void *undisturbed(void *arg)
{
    (void)arg;
    struct timespec time = {0, 80000000};
    CHECK_EQ(nanosleep(&time, NULL), 0);
    return NULL;
}

int main(void)
{
    count_signals(SIGUSR1, SA_RESTART);
    pthread_t other = start(undisturbed, NULL), thread = start(interrupted, NULL);
    for (int i = 1; i <= 3; i++) {
        wait_for(&sleeping, i);
        sleep_ms(20);
        CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    }
    join(thread);
    join(other);
    printf("handled %d\n", atomic_load(&handled));
    return 0;
}
