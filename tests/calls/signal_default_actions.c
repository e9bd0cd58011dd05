/* Each signal's default action in a process with threads, sent to the process from outside, to a thread by another one
 * and to itself: it ends the process, with a core where Linux makes one, stops it, or does nothing; and the parent sees
 * exactly that. Blocked, it waits; opened in one thread, it acts.
 * caps: no
 */
#include "check.h"

enum how { FROM_OUTSIDE, TO_A_THREAD, TO_ITSELF, BLOCKED_FIRST, WAYS };
static const char *const names[] = {"from outside", "to a thread", "to itself", "blocked first"};
static int number, ready[2];
static enum how how;

static void *waits(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void *acts(void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_t other = start(waits, NULL);
    sleep_ms(2);
    if (how == TO_A_THREAD)
        CHECK_EQ(pthread_kill(other, number), 0);
    if (how == TO_ITSELF)
        CHECK_EQ(raise(number), 0);
    if (how == BLOCKED_FIRST) {
        sigset_t pending;
        CHECK_EQ(kill(getpid(), number), 0);
        CHECK_EQ(sigpending(&pending), 0);
        CHECK_EQ(sigismember(&pending, number), number != SIGKILL && number != SIGSTOP);
        sleep_ms(2);
        CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    }
    CHECK_EQ(write(ready[1], "r", 1), 1);
    waits(NULL);
    return arg;
}

static void child(void)
{
    struct rlimit none = {0, 0};
    sigset_t set;
    CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
    CHECK_EQ(setpgid(0, 0), 0);
    sigemptyset(&set);
    if (how == BLOCKED_FIRST)
        sigaddset(&set, number);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    for (int i = 1; i < 65; i++)
        signal(i, SIG_DFL);
    start(acts, NULL);
    waits(NULL);
}

/* What became of it: ended, stopped or lives. */
static void one(void)
{
    int status;
    char byte;
    CHECK_EQ(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(ready[0]);
        child();
    }
    close(ready[1]);
    if (how == FROM_OUTSIDE) {
        CHECK_EQ(read(ready[0], &byte, 1), 1);
        CHECK_EQ(kill(pid, number), 0);
    } else {
        /* Either it lives and says so, or the pipe ends, or it stops. */
        for (;;) {
            pid_t got = waitpid(pid, &status, WUNTRACED | WNOHANG);
            if (got == pid)
                goto seen;
            struct timeval soon = {0, 2000};
            fd_set set;
            FD_ZERO(&set);
            FD_SET(ready[0], &set);
            if (select(ready[0] + 1, &set, NULL, NULL, &soon) == 1 && read(ready[0], &byte, 1) == 1)
                break;
        }
    }
    /* It may still be on its way to its end. */
    for (int i = 0; i < 200; i++) {
        if (waitpid(pid, &status, WUNTRACED | WNOHANG) == pid)
            goto seen;
        if (number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH)
            break;
        sleep_ms(10);
    }
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(wait_status(pid), SIGKILL);
    status = -1;
seen:
    close(ready[0]);
    if (status == -1) {
        printf("%d %s: nothing\n", number, names[how]);
    } else if (WIFSTOPPED(status)) {
        printf("%d %s: stopped by %d\n", number, names[how], WSTOPSIG(status));
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(wait_status(pid), SIGKILL);
    } else {
        CHECK(WIFSIGNALED(status));
        printf("%d %s: ended by %d%s\n", number, names[how], WTERMSIG(status), WCOREDUMP(status) ? ", core" : "");
    }
}

int main(void)
{
    static const int all[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,   SIGFPE,    SIGKILL,
                              SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD,  SIGCONT,
                              SIGSTOP, SIGTSTP,   SIGTTIN, SIGTTOU, SIGURG,  SIGXCPU, SIGXFSZ,  SIGVTALRM, SIGPROF,
                              SIGWINCH, SIGIO,    SIGPWR,  SIGSYS,  34,      40,      64};
    static const int in_every_way[] = {SIGQUIT, SIGBUS, SIGKILL, SIGSEGV, SIGTERM, SIGCHLD, SIGSTOP, SIGTSTP, 64};
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        number = all[i];
        how = FROM_OUTSIDE;
        one();
    }
    for (size_t i = 0; i < COUNT_OF(in_every_way); i++)
        for (how = TO_A_THREAD; how < WAYS; how++) {
            number = in_every_way[i];
            one();
        }
    return 0;
}
