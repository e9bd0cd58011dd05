/* Signals that are pending when a thread executes a program are pending in that program: those sent to the process and
 * those sent to that thread, with their siginfo, but not those of other threads. Ignored signals stay ignored, SIGSEGV
 * and SIGBUS too, by exec, vfork and posix_spawn; a failed exec loses nothing.
 */
#include "check.h"
#include <spawn.h>

extern char **environ;

static void take(int number, int code, int value)
{
    siginfo_t info;
    sigset_t set;
    struct timespec now = {0, 0};
    sigemptyset(&set);
    sigaddset(&set, number);
    CHECK_EQ(sigtimedwait(&set, &info, &now), number);
    CHECK_EQ(info.si_code, code);
    CHECK_EQ(info.si_pid, getpid());
    if (code == SI_QUEUE)
        CHECK_EQ(info.si_value.sival_int, value);
}

static void ignored(void)
{
    struct sigaction action;
    for (int i = 1; i < 32; i++) {
        if (i == SIGKILL || i == SIGSTOP)
            continue;
        CHECK_EQ(sigaction(i, NULL, &action), 0);
        CHECK(action.sa_handler == (i == SIGSEGV || i == SIGBUS || i == SIGHUP ? SIG_IGN : SIG_DFL));
    }
}

static void after_exec(void)
{
    sigset_t pending;
    ignored();
    CHECK_EQ(sigpending(&pending), 0);
    for (int i = 1; i < 65; i++)
        CHECK_EQ(sigismember(&pending, i), i == SIGUSR1 || i == SIGUSR2 || i == SIGRTMIN || i == SIGRTMIN + 1);
    take(SIGUSR2, SI_USER, 0); /* libc's sigtimedwait makes SI_USER of SI_TKILL */
    take(SIGRTMIN, SI_QUEUE, 1);
    take(SIGRTMIN, SI_QUEUE, 2);
    take(SIGRTMIN + 1, SI_QUEUE, 3);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
    puts("pending and ignored");
    exit(0);
}

static atomic_int ready;

/* A signal that is pending for this thread alone is gone with it. */
static void *other(void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    CHECK_EQ(pthread_kill(pthread_self(), SIGTERM), 0);
    atomic_store(&ready, 1);
    for (;;)
        pause();
    return arg;
}

static void *execs(void *arg)
{
    sigset_t set;
    sigfillset(&set);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    union sigval value = {.sival_int = 1};
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR2), 0);
    CHECK_EQ(pthread_sigqueue(pthread_self(), SIGRTMIN, value), 0);
    value.sival_int = 2;
    CHECK_EQ(pthread_sigqueue(pthread_self(), SIGRTMIN, value), 0);
    value.sival_int = 3;
    CHECK_EQ(pthread_sigqueue(pthread_self(), SIGRTMIN + 1, value), 0);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_ERRNO(execl("/no/such/program", "x", (char *)NULL), ENOENT);
    execl("/proc/self/exe", "again", "pending", (char *)NULL);
    CHECK(!"exec");
    return arg;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "pending") == 0)
        after_exec();
    if (argc > 1) {
        ignored();
        return 0;
    }
    signal(SIGSEGV, SIG_IGN);
    signal(SIGBUS, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    start(other, NULL);
    wait_for(&ready, 1);
    pid_t child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", "again", "ignored", (char *)NULL);
        _exit(1);
    }
    CHECK_CHILD(child, 0);
    char *args[] = {"again", "ignored", NULL};
    CHECK_EQ(posix_spawn(&child, "/proc/self/exe", NULL, NULL, args, environ), 0);
    CHECK_CHILD(child, 0);
    fflush(stdout);
    child = fork();
    if (child == 0)
        execs(NULL);
    CHECK_CHILD(child, 0);
    sigset_t set;
    sigfillset(&set);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    start(execs, NULL);
    for (;;)
        sleep(1);
}
