/* A tracer is told of the stops of a process it traces by a wait that asks for its end only: waitpid with nothing and with
 * __WALL, waitid with WEXITED; while it waits other threads go on. So is the parent of a child that asks to be traced. Waits with
 * __WNOTHREAD find a thread's own child. */
#include "check.h"
#include <sys/ptrace.h>

static pid_t child_that_waits(void)
{
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    CHECK(child > 0);
    return child;
}

static void *stops(void *child)
{
    sleep_ms(5);
    CHECK_EQ(kill((pid_t)(long)child, SIGUSR1), 0);
    return NULL;
}

/* The child stops for a signal after this thread has begun to wait, and is let go on without it. */
static void stop_for_waitpid(pid_t child, int options)
{
    int status;
    pthread_t other = start(stops, (void *)(long)child);
    CHECK_EQ(waitpid(child, &status, options), child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1);
    CHECK_EQ(ptrace(PTRACE_CONT, child, 0, 0), 0);
    join(other);
}

static void stop_for_waitid(pid_t child)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    pthread_t other = start(stops, (void *)(long)child);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, child);
    CHECK_EQ(info.si_code, CLD_TRAPPED);
    CHECK_EQ(info.si_status, SIGUSR1);
    CHECK_EQ(ptrace(PTRACE_CONT, child, 0, 0), 0);
    join(other);
}

static void *traces(void *arg)
{
    int status;
    pid_t child = child_that_waits();
    CHECK_EQ(ptrace(PTRACE_ATTACH, child, 0, 0), 0);
    CHECK_EQ(waitpid(child, &status, __WALL), child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK_EQ(ptrace(PTRACE_CONT, child, 0, 0), 0);
    stop_for_waitpid(child, 0);
    stop_for_waitpid(child, __WALL);
    stop_for_waitpid(child, __WALL | __WNOTHREAD);
    stop_for_waitid(child);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return arg;
}

/* A child that asks to be traced stops for the first time; the parent has made no call of ptrace before. */
static void *is_asked(void *arg)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        CHECK_EQ(ptrace(PTRACE_TRACEME, 0, 0, 0), 0);
        sleep_ms(20);
        raise(SIGSTOP);
        _exit(7);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK_EQ(ptrace(PTRACE_CONT, child, 0, 0), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return arg;
}

static void *finds_its_own(void *arg)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(10);
        _exit(3);
    }
    CHECK_EQ(waitpid(-1, &status, __WNOTHREAD), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK_ERRNO(waitpid(-1, &status, __WNOTHREAD), ECHILD);
    return arg;
}

int main(void)
{
    ticker_start();
    in_both_threads(finds_its_own);
    in_both_threads(is_asked);
    in_both_threads(traces);
    ticker_end();
    printf("done\n");
    return 0;
}
