/* ppoll, pselect and epoll_pwait open the signal mask for just the wait: a blocked, pending signal interrupts them,
 * and the mask is back afterwards. */
#include "handled.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static void *all(void *arg)
{
    sigset_t block, none, now;
    struct epoll_event event;
    (void)arg;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &block, NULL), 0);
    int set = epoll_create1(0), before = atomic_load(&handled);
    for (int how = 0; how < 3; how++) {
        CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
        CHECK_EQ(atomic_load(&handled), before + how);
        if (how == 0)
            CHECK_ERRNO(ppoll(NULL, 0, NULL, &none), EINTR);
        if (how == 1)
            CHECK_ERRNO(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
        if (how == 2)
            CHECK_ERRNO(epoll_pwait(set, &event, 1, -1, &none), EINTR);
        CHECK_EQ(atomic_load(&handled), before + how + 1);
        CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
        CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    }
    close(set);
    return NULL;
}

int main(void)
{
    count_signals(SIGUSR1, SA_RESTART);
    ticker_start();
    in_both_threads(all);
    ticker_end();
    printf("handled %d\n", atomic_load(&handled));
    return 0;
}
