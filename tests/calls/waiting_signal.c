/* Each call that waits for a signal does so while other threads run.
 * waits: pause, rt_sigsuspend, rt_sigtimedwait
 * greens
 */
#include "waiting.h"

#define KERNEL_SIGSET 8 /* bytes */
static atomic_int handled;
static pthread_t waiter;

static void handler(int number)
{
    atomic_store(&handled, number);
}

static void raise_once(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_kill(waiter, SIGUSR1), 0);
}

/* Until it has helped: pause has no way to be told of a signal that came just before it. */
static void raise_again(void *arg)
{
    while (!atomic_load((atomic_int *)arg)) {
        raise_once(NULL);
        sleep_ms(1);
    }
}

static long pause_and_say(atomic_int *returned)
{
    long result = syscall(SYS_pause);
    atomic_store(returned, 1);
    return result;
}

int main(void)
{
    sigset_t set, none;
    static atomic_int returned;
    siginfo_t info;
    waiter = pthread_self();
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    waiting_begin();

    CHECK_EQ(WAITS(pause_and_say(&returned), raise_again, &returned), -1);
    CHECK_EQ(errno, EINTR);
    CHECK_EQ(atomic_exchange(&handled, 0), SIGUSR1);

    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQ(WAITS(syscall(SYS_rt_sigsuspend, &none, KERNEL_SIGSET), raise_once, NULL), -1);
    CHECK_EQ(errno, EINTR);
    CHECK_EQ(atomic_exchange(&handled, 0), SIGUSR1);

    memset(&info, 0, sizeof info);
    CHECK_EQ(WAITS(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, KERNEL_SIGSET), raise_once, NULL), SIGUSR1);
    CHECK_EQ(info.si_signo, SIGUSR1);
    CHECK_EQ(atomic_load(&handled), 0);
    waiting_end();
    printf("done\n");
    return 0;
}
