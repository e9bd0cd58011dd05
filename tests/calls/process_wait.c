/* Threads wait for different children by wait4, waitpid and waitid while others run; each gets its own child. */
#include "check.h"
#include <sys/resource.h>

static void *waits(void *arg)
{
    long code = (long)arg;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        sleep_ms(20 + (int)code * 2);
        _exit((int)code);
    }
    int status = 0;
    siginfo_t info = {0};
    struct rusage usage;
    switch (code % 3) {
    case 0:
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(WEXITSTATUS(status), code);
        break;
    case 1:
        CHECK_EQ(wait4(child, &status, 0, &usage), child);
        CHECK_EQ(WEXITSTATUS(status), code);
        break;
    case 2:
        CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
        CHECK_EQ(info.si_status, code);
        CHECK_EQ(waitpid(child, &status, WNOHANG), child);
        break;
    }
    CHECK_ERRNO(waitpid(child, &status, 0), ECHILD);
    return NULL;
}

int main(void)
{
    pthread_t threads[9];
    ticker_start();
    for (long i = 0; i < 9; i++)
        threads[i] = start(waits, (void *)(i + 1));
    wait_ticks(3);
    for (int i = 0; i < 9; i++)
        join(threads[i]);
    CHECK_ERRNO(wait(NULL), ECHILD);
    ticker_end();
    printf("done\n");
    return 0;
}
