/* sigsuspend in a thread, alarm and setitimer: handlers run, the waits end with EINTR, the mask comes back. */
#include "check.h"

static atomic_int alarms, users, ready;

static void handler(int number)
{
    atomic_fetch_add(number == SIGALRM ? &alarms : &users, 1);
}

static void *suspends(void *arg)
{
    sigset_t set, now;
    sigfillset(&set);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    sigdelset(&set, SIGUSR1);
    atomic_store(&ready, 1);
    CHECK_ERRNO(sigsuspend(&set), EINTR);
    CHECK_EQ(atomic_load(&users), 1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler};
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    pthread_t thread = start(suspends, NULL);
    wait_for(&ready, 1);
    sleep_ms(5);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    join(thread);
    struct itimerval timer = {{0, 5000}, {0, 5000}}, off = {{0, 0}, {0, 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
    while (atomic_load(&alarms) < 5)
        CHECK_ERRNO(pause(), EINTR);
    CHECK_EQ(setitimer(ITIMER_REAL, &off, NULL), 0);
    printf("users %d, alarms enough %d\n", atomic_load(&users), atomic_load(&alarms) >= 5);
    return 0;
}
