/* Affinity, policy, priority and CPU clock of another thread can be asked and set by its pthread_t. */
#include "check.h"
#include <sys/resource.h>

static atomic_int stop, tid;

static void *waits(void *arg)
{
    (void)arg;
    atomic_store(&tid, (int)syscall(SYS_gettid));
    while (!atomic_load(&stop))
        sleep_ms(1);
    return NULL;
}

int main(void)
{
    cpu_set_t set, back;
    pthread_t thread = start(waits, NULL);
    while (!atomic_load(&tid))
        sleep_ms(1);
    CHECK_EQ(pthread_getaffinity_np(thread, sizeof set, &set), 0);
    CHECK(CPU_COUNT(&set) >= 1);
    CHECK_EQ(pthread_setaffinity_np(thread, sizeof set, &set), 0);
    CHECK_EQ(pthread_getaffinity_np(thread, sizeof back, &back), 0);
    CHECK(CPU_EQUAL(&set, &back));
    CHECK_EQ(sched_getaffinity(atomic_load(&tid), sizeof back, &back), 0);
    CHECK(CPU_EQUAL(&set, &back));

    int policy = -1;
    struct sched_param param = {.sched_priority = 9};
    CHECK_EQ(pthread_getschedparam(thread, &policy, &param), 0);
    printf("policy %d, priority %d\n", policy, param.sched_priority);
    CHECK_EQ(pthread_setschedparam(thread, SCHED_OTHER, &param), 0);
    param.sched_priority = 5;
    CHECK_EQ(pthread_setschedparam(thread, SCHED_OTHER, &param), EINVAL);
    CHECK_EQ(pthread_setschedprio(thread, 0), 0);
    CHECK_EQ(sched_getscheduler(atomic_load(&tid)), SCHED_OTHER);
    errno = 0;
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)atomic_load(&tid)), getpriority(PRIO_PROCESS, 0));
    CHECK_EQ(errno, 0);

    clockid_t clock;
    struct timespec used;
    CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
    CHECK_EQ(clock_gettime(clock, &used), 0);
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
    CHECK_EQ(clock_gettime(clock, &used), 0);
    CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used), 0);
    CHECK(sched_getcpu() >= 0);
    CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
    atomic_store(&stop, 1);
    join(thread);
    return 0;
}
