/* exec from a thread keeps what Linux keeps: the calling thread's signal mask, ignored signals, pending signals, open
 * descriptors, the environment and the process id; handlers go back to the default. */
#include "check.h"

static void handler(int number)
{
    (void)number;
}

static void after_exec(const char *pid)
{
    sigset_t mask, pending;
    struct sigaction action;
    CHECK_EQ(getpid(), atoi(pid));
    CHECK_EQ(gettid(), getpid());
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    CHECK_EQ(sigismember(&mask, SIGUSR1), 1);
    CHECK_EQ(sigismember(&mask, SIGUSR2), 0);
    CHECK_EQ(sigismember(&mask, SIGTERM), 0);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
    CHECK_EQ(sigaction(SIGHUP, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_IGN);
    CHECK_EQ(sigaction(SIGINT, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
    for (int i = 1; i < 65; i++) {
        if (i == SIGHUP || sigaction(i, NULL, &action) == -1)
            continue;
        CHECK(action.sa_handler == SIG_DFL);
    }
    char byte;
    CHECK_EQ(read(50, &byte, 1), 1);
    CHECK_ERRNO(read(51, &byte, 1), EBADF);
    int open_now = 0;
    for (int fd = 3; fd < 1024; fd++)
        open_now += fcntl(fd, F_GETFD) != -1;
    printf("descriptors %d, setting %s\n", open_now, getenv("KEPT"));
    exit(0);
}

static void *execs(void *arg)
{
    sigset_t set;
    char pid[20];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    snprintf(pid, sizeof pid, "%d", getpid());
    execl("/proc/self/exe", "again", pid, (char *)NULL);
    CHECK(!"exec");
    return arg;
}

static void *other(void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (;;)
        pause();
    return arg;
}

int main(int argc, char **argv)
{
    int ends[2];
    if (argc > 1)
        after_exec(argv[1]);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, handler);
    setenv("KEPT", "value", 1);
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(dup2(ends[0], 50), 50);
    CHECK_EQ(dup3(ends[0], 51, O_CLOEXEC), 51);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    start(other, NULL);
    sleep_ms(10);
    start(execs, NULL);
    for (;;)
        pause();
}
