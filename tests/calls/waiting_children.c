/* A thread waits for a child, one or any, to end or to stop, while other threads run.
 * waits: wait4, waitid
 * greens
 */
#include "waiting.h"

static pid_t child;
static int gate[2];

/* A child that ends with status 7 when it is let go. */
static void have_child(void)
{
    CHECK_EQ(pipe(gate), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char byte;
        _exit(read(gate[0], &byte, 1) == 1 ? 7 : 1);
    }
    CHECK_EQ(close(gate[0]), 0);
}

static void let_go(void *arg)
{
    (void)arg;
    CHECK_EQ(write(gate[1], "x", 1), 1);
    CHECK_EQ(close(gate[1]), 0);
}

static void stop(void *arg)
{
    (void)arg;
    CHECK_EQ(kill(child, SIGSTOP), 0);
}

int main(void)
{
    int status = 0;
    siginfo_t info;
    waiting_begin();
    for (int any = 0; any < 2; any++) {
        have_child();
        CHECK_EQ(WAITS(syscall(SYS_wait4, any ? -1 : child, &status, 0, NULL), let_go, NULL), child);
        CHECK_EQ(status, 7 << 8);
        have_child();
        memset(&info, 0, sizeof info);
        CHECK_EQ(WAITS(syscall(SYS_waitid, any ? P_ALL : P_PID, child, &info, WEXITED, NULL), let_go, NULL), 0);
        CHECK_EQ(info.si_pid, child);
        CHECK_EQ(info.si_status, 7);
    }
    have_child();
    CHECK_EQ(WAITS(syscall(SYS_wait4, child, &status, WUNTRACED, NULL), stop, NULL), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(kill(child, SIGCONT), 0);
    let_go(NULL);
    CHECK_CHILD(child, 7);
    waiting_end();
    printf("done\n");
    return 0;
}
