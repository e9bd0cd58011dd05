/* A timer with SIGEV_THREAD_ID signals the thread it names: its handler runs there, or its sigwaitinfo returns, although
 * other threads have the signal open.
 * flags: -lrt
 */
#include "check.h"
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define THREADS 3
static atomic_int handled[THREADS], elsewhere, over;
static __thread int number = -1;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    int at = info->si_value.sival_int;
    if (info->si_code != SI_TIMER || at != number)
        atomic_fetch_add(&elsewhere, 1);
    else
        atomic_fetch_add(&handled[at], 1);
}

static timer_t timer_for(pid_t thread, int signal, int value)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal, .sigev_value = {value}};
    struct itimerspec when = {{0, 2000000}, {0, 2000000}};
    event.sigev_notify_thread_id = thread;
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &when, NULL), 0);
    return timer;
}

static void *is_signalled(void *arg)
{
    number = (int)(long)arg;
    timer_t timer = timer_for(gettid(), SIGUSR1, number);
    while (atomic_load(&handled[number]) < 3)
        sleep_ms(5);
    CHECK_EQ(timer_delete(timer), 0);
    atomic_fetch_add(&over, 1);
    wait_for(&over, THREADS + 1);
    return NULL;
}

static void *waits(void *arg)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    timer_t timer = timer_for(gettid(), SIGUSR2, 40);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR2);
        CHECK_EQ(info.si_code, SI_TIMER);
        CHECK_EQ(info.si_value.sival_int, 40);
    }
    CHECK_EQ(timer_delete(timer), 0);
    atomic_fetch_add(&over, 1);
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    pthread_t threads[THREADS + 1];
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(is_signalled, (void *)i);
    threads[THREADS] = start(waits, NULL);
    for (int i = 0; i <= THREADS; i++)
        join(threads[i]);
    CHECK_EQ(atomic_load(&elsewhere), 0);
    timer_t timer;
    struct sigevent nobody = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    nobody.sigev_notify_thread_id = 0x3ffffffe;
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &nobody, &timer), EINVAL);
    printf("done\n");
    return 0;
}
