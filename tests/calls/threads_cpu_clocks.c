/* Each thread has a clock of the processor time that it used itself, for itself and for others: what one thread computes
 * does not show in the clock of one that waits, no clock goes backwards, and all together are not more than the process's.
 * skips: proc_mem
 */
#include "check.h"

#define MS INT64_C(1000000)
#define MUCH (100 * MS)
/* Far less than MUCH, and far more than starting and waiting take. */
#define LITTLE (50 * MS)

static atomic_int begun, stop;

static int64_t used(clockid_t clock)
{
    struct timespec time;
    CHECK_EQ(clock_gettime(clock, &time), 0);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static clockid_t clock_of(pthread_t thread)
{
    clockid_t clock;
    CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
    return clock;
}

static void compute(int64_t much)
{
    int64_t from = used(CLOCK_THREAD_CPUTIME_ID), last = from, now;
    do {
        for (volatile int i = 0; i < 20000; i++)
            ;
        now = used(CLOCK_THREAD_CPUTIME_ID);
        CHECK(now >= last);
        last = now;
    } while (now < from + much);
}

static void *computes(void *arg)
{
    CHECK(used(CLOCK_THREAD_CPUTIME_ID) < LITTLE);
    compute(MUCH);
    CHECK(used(clock_of(pthread_self())) >= MUCH);
    atomic_fetch_add(&begun, 1);
    wait_for(&stop, 1);
    return arg;
}

static void *waits(void *arg)
{
    atomic_fetch_add(&begun, 1);
    wait_for(&stop, 1);
    return arg;
}

static void *forks(void *arg)
{
    compute(MUCH);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(used(CLOCK_THREAD_CPUTIME_ID) < LITTLE);
        CHECK(used(clock_of(pthread_self())) < LITTLE);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    return arg;
}

int main(void)
{
    compute(2 * LITTLE);
    int64_t before = used(CLOCK_THREAD_CPUTIME_ID);
    pthread_t two[2] = {start(computes, NULL), start(computes, NULL)}, waiting = start(waits, NULL);
    wait_for(&begun, 3);
    int64_t of_main = used(CLOCK_THREAD_CPUTIME_ID), others = 0;
    CHECK(of_main >= before && of_main - before < LITTLE);
    CHECK(used(clock_of(waiting)) < LITTLE);
    for (int i = 0; i < 2; i++) {
        int64_t one = used(clock_of(two[i]));
        CHECK(one >= MUCH);
        others += one;
    }
    CHECK(of_main + others <= used(CLOCK_PROCESS_CPUTIME_ID));
    CHECK(used(clock_of(pthread_self())) >= of_main);

    clockid_t clock = clock_of(waiting);
    struct timespec finest;
    CHECK_EQ(clock_getres(clock, &finest), 0);
    CHECK_EQ(finest.tv_sec, 0);
    CHECK_EQ(finest.tv_nsec, 1);
    CHECK_EQ(clock_getres(CLOCK_THREAD_CPUTIME_ID, NULL), 0);
    CHECK_ERRNO(syscall(SYS_clock_gettime, clock, 8L), EFAULT);
    CHECK_EQ(syscall(SYS_clock_gettime, clock, &finest), 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    CHECK_EQ(timer_create(clock, &event, &timer), 0);
    CHECK_EQ(timer_delete(timer), 0);

    atomic_store(&stop, 1);
    join(two[0]);
    join(two[1]);
    join(waiting);
    /* The kernel has its own thread's id cleared and a joiner woken a moment before it forgets the thread. */
    for (int tries = 0; tries < 2000 && clock_gettime(clock, &finest) == 0; tries++)
        usleep(1000);
    CHECK_ERRNO(clock_gettime(clock, &finest), EINVAL);
    CHECK_ERRNO(clock_getres(clock, &finest), EINVAL);
    join(start(forks, NULL));
    puts("each thread has its own clock");
    return 0;
}
