/* The daemon's shape: every thread blocks SIGUSR1 and SIGTERM, one waits in sigwait. The signals, sent to the process,
 * reach that thread and kill nobody although their default would. sigtimedwait times out and is never early. */
#include "check.h"

static sigset_t set;
static atomic_int got;

static void *waits(void *arg)
{
    int number = 0;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(sigwait(&set, &number), 0);
        CHECK(number == SIGUSR1 || number == SIGTERM);
        atomic_fetch_add(&got, 1);
    }
    siginfo_t info;
    struct timespec time = {0, 20000000};
    int64_t from = now_ns();
    CHECK_ERRNO(sigtimedwait(&set, &info, &time), EAGAIN);
    CHECK(now_ns() - from >= 20000000);
    atomic_fetch_add(&got, 1);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_code, SI_USER);
    CHECK_EQ(info.si_pid, getpid());
    return NULL;
}

int main(void)
{
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    ticker_start();
    pthread_t thread = start(waits, NULL);
    int signals[3] = {SIGUSR1, SIGTERM, SIGUSR1};
    for (int i = 0; i < 3; i++) {
        sleep_ms(5);
        CHECK_EQ(kill(getpid(), signals[i]), 0);
        wait_for(&got, i + 1);
    }
    wait_for(&got, 4);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    join(thread);
    ticker_end();
    printf("got %d\n", atomic_load(&got));
    return 0;
}
