/* What was set before the first thread holds after it: signal mask, pending signals, handlers, alternate stack, robust
 * locks, non-blocking descriptors, timers and interval timers.
 * greens
 */
#include "activation_common.h"
#include "handled.h"

int main(void)
{
    static char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, stack_now;
    sigset_t set, now;
    int ends[2];
    char byte;
    pthread_mutexattr_t attr;
    pthread_mutex_t robust;

    signal(SIGUSR1, count_signal);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    CHECK_EQ(pthread_mutex_init(&robust, &attr), 0);
    CHECK_EQ(pthread_mutex_lock(&robust), 0);
    pid_t before = gettid();

    check_threads_work(1);

    CHECK_EQ(gettid(), before);
    CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    CHECK_EQ(sigpending(&now), 0);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    CHECK_EQ(atomic_load(&handled), 0);
    CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
    CHECK_EQ(atomic_load(&handled), 1);
    struct sigaction action;
    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    CHECK(action.sa_handler == count_signal);
    CHECK_EQ(sigaction(SIGUSR2, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_IGN);
    CHECK_EQ(sigaction(SIGINT, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
    CHECK_EQ(sigaltstack(NULL, &stack_now), 0);
    CHECK(stack_now.ss_sp == alternate);
    CHECK_ERRNO(read(ends[0], &byte, 1), EAGAIN);
    CHECK_EQ(pthread_mutex_unlock(&robust), 0);
    CHECK(sched_getcpu() >= 0);
    printf("done\n");
    return 0;
}
