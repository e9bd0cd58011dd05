/* A handler may itself wait in read and sleep, and be interrupted by another signal there. Queued real-time signals all come, in order, with their values. */
#include "check.h"

static int ends[2];
static atomic_int inner, outer, values[20], count, waiting;

static void slow(int number)
{
    char byte;
    int kept = errno;
    (void)number;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    sleep_ms(2);
    atomic_fetch_add(&outer, 1);
    errno = kept;
}

static void quick(int number)
{
    (void)number;
    atomic_fetch_add(&inner, 1);
}

static void queued(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    CHECK_EQ(info->si_code, SI_QUEUE);
    atomic_store(&values[atomic_fetch_add(&count, 1)], info->si_value.sival_int);
}

static void *waits(void *arg)
{
    atomic_store(&waiting, 1);
    while (atomic_load(&outer) < 1)
        sleep_ms(1);
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_handler = slow};
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    action.sa_handler = quick;
    action.sa_flags = SA_RESTART;
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    struct sigaction info = {.sa_sigaction = queued, .sa_flags = SA_SIGINFO | SA_RESTART};
    CHECK_EQ(sigaction(SIGRTMIN + 3, &info, NULL), 0);
    pthread_t thread = start(waits, NULL);
    wait_for(&waiting, 1);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    sleep_ms(10);
    CHECK_EQ(pthread_kill(thread, SIGUSR2), 0);
    wait_for(&inner, 1);
    CHECK_EQ(atomic_load(&outer), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    join(thread);
    ticker_start();
    for (int i = 0; i < 20; i++)
        CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = i}), 0);
    wait_for(&count, 20);
    int sum = 0;
    for (int i = 0; i < 20; i++)
        sum += atomic_load(&values[i]);
    ticker_end();
    printf("outer %d, inner %d, sum %d\n", atomic_load(&outer), atomic_load(&inner), sum);
    return 0;
}
