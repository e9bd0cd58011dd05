/* SIGCHLD: a handler that reaps children while threads wait; SIG_IGN makes children vanish. */
#include "check.h"

static atomic_int reaped;

static void handler(int number)
{
    int kept = errno;
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        atomic_fetch_add(&reaped, 1);
    errno = kept;
}

static void *forks(void *arg)
{
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            sleep_ms(2);
            _exit(0);
        }
        sleep_ms(1);
    }
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK_EQ(sigaction(SIGCHLD, &action, NULL), 0);
    ticker_start();
    in_many_threads(3, forks);
    wait_for(&reaped, 15);
    CHECK_ERRNO(wait(NULL), ECHILD);
    signal(SIGCHLD, SIG_IGN);
    forks(NULL);
    CHECK_ERRNO(wait(NULL), ECHILD);
    ticker_end();
    printf("reaped %d\n", atomic_load(&reaped));
    return 0;
}
