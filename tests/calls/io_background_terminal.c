/* A background process whose thread reads its terminal is stopped by SIGTTIN, though nothing was typed; in the foreground
 * again it goes on and gets its line. With SIGTTIN ignored or blocked it has EIO; with a handler the handler runs and, without
 * SA_RESTART, the read ends with EINTR.
 */
#include "check.h"
#include <pty.h>
#include <sys/ioctl.h>

static atomic_int handled;

static void handler(int signal)
{
    (void)signal;
    atomic_store(&handled, 1);
}

static char line[64];

static void *reads(void *arg)
{
    ssize_t got = read(*(int *)arg, line, sizeof line);
    return (void *)(got < 0 ? -errno : got);
}

/* In a process group of its own: what a read of the terminal gives. */
static pid_t background(int terminal, void (*disposition)(int), int blocked)
{
    pid_t child = fork();
    if (child)
        return child;
    CHECK_EQ(setpgid(0, 0), 0);
    struct sigaction act = {.sa_handler = disposition};
    CHECK_EQ(sigaction(SIGTTIN, &act, NULL), 0);
    sigset_t set;
    CHECK_EQ(sigemptyset(&set), 0);
    CHECK_EQ(sigaddset(&set, SIGTTIN), 0);
    if (blocked)
        CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    ticker_start();
    long got = (long)join(start(reads, &terminal));
    ticker_end();
    if (disposition == handler) {
        CHECK_EQ(atomic_load(&handled), 1);
        _exit(got == -EINTR ? 11 : 1);
    }
    if (disposition == SIG_IGN || blocked)
        _exit(got == -EIO ? 12 : 1);
    _exit(got == 5 && !memcmp(line, "word\n", 5) ? 13 : 1);
}

/* Plays the shell: the terminal is its own. */
static void shell(int master, int terminal)
{
    int status;
    CHECK(setsid() > 0);
    CHECK_EQ(ioctl(terminal, TIOCSCTTY, 0), 0);
    pid_t child = background(terminal, handler, 0);
    CHECK_CHILD(child, 11);
    child = background(terminal, SIG_IGN, 0);
    CHECK_CHILD(child, 12);
    child = background(terminal, SIG_DFL, 1);
    CHECK_CHILD(child, 12);

    child = background(terminal, SIG_DFL, 0);
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGTTIN);
    CHECK_EQ(signal(SIGTTOU, SIG_IGN) == SIG_ERR, 0);
    CHECK_EQ(tcsetpgrp(terminal, child), 0);
    CHECK_EQ(kill(-child, SIGCONT), 0);
    sleep_ms(20);
    CHECK_EQ(write(master, "word\n", 5), 5);
    CHECK_CHILD(child, 13);
    _exit(0);
}

int main(void)
{
    int master, terminal;
    CHECK_EQ(openpty(&master, &terminal, NULL, NULL, NULL), 0);
    pid_t child = fork();
    if (!child)
        shell(master, terminal);
    CHECK_CHILD(child, 0);
    printf("done\n");
    return 0;
}
