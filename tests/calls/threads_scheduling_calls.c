/* Affinity, policy, priority and CPU clock of another thread can be asked and set by its pthread_t, and by its id in each
 * call that takes one; a thread that has ended is none (ESRCH). (Whose clock it is: threads_cpu_clocks.c.)
 */
#include "check.h"
#include <sys/resource.h>

static atomic_int stop, tid;

/* `struct sched_attr` of sched_setattr(2). */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

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

    int id = atomic_load(&tid);
    struct attributes now = {.size = 0};
    CHECK_EQ(syscall(SYS_sched_getattr, id, &now, sizeof now, 0), 0);
    CHECK_EQ(now.policy, SCHED_OTHER);
    CHECK_EQ(syscall(SYS_sched_setattr, id, &now, 0), 0);
    struct timespec slice;
    CHECK_EQ(sched_rr_get_interval(id, &slice), 0);
    param.sched_priority = 1;
    CHECK_EQ(sched_getparam(id, &param), 0);
    CHECK_EQ(param.sched_priority, 0);
    CHECK_EQ(sched_setparam(id, &param), 0);
    CHECK_EQ(sched_setscheduler(id, SCHED_OTHER, &param), 0);
    CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)id, getpriority(PRIO_PROCESS, (id_t)id)), 0);
    CPU_ZERO(&set);
    CHECK_ERRNO(sched_setaffinity(id, sizeof set, &set), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setaffinity, id, sizeof set, 8L), EFAULT);
    CHECK_ERRNO(sched_getaffinity(id, 1 + sizeof set, &set), EINVAL);

    atomic_store(&stop, 1);
    join(thread);
    /* A joined thread is known by its id until the kernel has taken it apart. */
    for (int i = 0; i < 1000 && sched_getaffinity(id, sizeof set, &set) >= 0; i++)
        sleep_ms(1);
    CHECK_ERRNO(sched_getaffinity(id, sizeof set, &set), ESRCH);
    CHECK_ERRNO(sched_setaffinity(id, sizeof back, &back), ESRCH);
    CHECK_ERRNO(sched_getscheduler(id), ESRCH);
    CHECK_ERRNO(sched_setparam(id, &param), ESRCH);
    CHECK_ERRNO(getpriority(PRIO_PROCESS, (id_t)id), ESRCH);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, (id_t)id, 0), ESRCH);
    return 0;
}
