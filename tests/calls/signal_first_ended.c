/* The first thread has ended by pthread_exit: signals to the process, from itself and from outside, are handled by those
 * that live, whether they wait, compute or block them for a while; then the last one ends the process.
 */
#include "handled.h"

static void *waits(void *arg)
{
    while (!atomic_load((atomic_int *)arg))
        usleep(900000); /* a signal ends it */
    return NULL;
}

static void *lives(void *arg)
{
    sigset_t set, old;
    pthread_t first = *(pthread_t *)arg;
    CHECK_EQ(pthread_join(first, NULL), 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    wait_for(&handled, 1);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    while (*(volatile atomic_int *)&handled < 2)
        ;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(kill(getppid(), SIGUSR1));
    CHECK_CHILD(child, 0);
    wait_for(&handled, 3);
    sigfillset(&set);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, &old), 0);
    static atomic_int over;
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    wait_for(&handled, 4);
    pthread_t other = start(waits, &over);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    wait_for(&handled, 5); /* by the other one */
    atomic_store(&over, 1);
    CHECK_EQ(pthread_kill(other, SIGUSR1), 0);
    join(other);
    printf("handled %d\n", atomic_load(&handled));
    return NULL;
}

int main(void)
{
    static pthread_t self;
    count_signals(SIGUSR1, 0);
    self = pthread_self();
    start(lives, &self);
    pthread_exit(NULL);
}
