/* Each thread has its own signal mask: inherited at its start, changed apart, kept over waits and fork. */
#include "check.h"

static sigset_t all_but(int number)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, number);
    return set;
}

static void shows(int number)
{
    sigset_t now;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
    CHECK_EQ(sigismember(&now, SIGUSR1), number == 1);
    CHECK_EQ(sigismember(&now, SIGUSR2), number == 2);
    CHECK_EQ(sigismember(&now, SIGHUP), 1);
    CHECK_EQ(sigismember(&now, SIGKILL), 0);
}

static void *own(void *arg)
{
    int me = (int)(long)arg;
    sigset_t set;
    shows(1);
    sigemptyset(&set);
    sigaddset(&set, me == 1 ? SIGUSR1 : SIGUSR2);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGKILL);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    for (int i = 0; i < 10; i++) {
        shows(me);
        sleep_ms(1);
    }
    if (me == 2) {
        pid_t child = fork();
        if (child == 0) {
            shows(2);
            _exit(0);
        }
        CHECK_CHILD(child, 0);
    }
    return NULL;
}

int main(void)
{
    sigset_t set;
    CHECK_EQ(pthread_sigmask(99, &set, NULL), 0 * pthread_sigmask(SIG_BLOCK, NULL, NULL) + EINVAL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    pthread_t first = start(own, (void *)1), second = start(own, (void *)2);
    join(first);
    join(second);
    shows(1);
    set = all_but(SIGUSR1);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    sigset_t start_set = {0};
    sigaddset(&start_set, SIGUSR2);
    sigaddset(&start_set, SIGHUP);
    CHECK_EQ(pthread_attr_setsigmask_np(&attr, &start_set), 0);
    CHECK_EQ(pthread_attr_getsigmask_np(&attr, &set), 0);
    CHECK_EQ(sigismember(&set, SIGUSR2), 1);
    printf("done\n");
    return 0;
}
