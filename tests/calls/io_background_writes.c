/* A background process that writes to its terminal under TOSTOP is stopped by SIGTTOU and goes on when it is continued in
 * the foreground; with a handler the write says EINTR, or begins again under SA_RESTART once the handler has brought the
 * process to the foreground; with the signal ignored or blocked it is written.
 */
#include "check.h"
#include <sys/ioctl.h>
#include <termios.h>

enum how { DEFAULT, HANDLED, RESTARTED, IGNORED, BLOCKED };
static const char *const names[] = {"default", "handled", "restarted", "ignored", "blocked"};
static int tty;
static atomic_int handled;
static enum how how_now;

static void handler(int number)
{
    pid_t own = getpgrp();
    atomic_fetch_add(&handled, number == SIGTTOU);
    if (how_now != RESTARTED)
        return;
    signal(SIGTTOU, SIG_IGN); /* or to change the foreground would bring the signal again */
    ioctl(tty, TIOCSPGRP, &own);
}

static void *writes(void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    if (how_now != BLOCKED)
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    errno = 0;
    ssize_t got = write(tty, "x", 1);
    dprintf(1, "%s: write %zd %s, handled %d\n", names[how_now], got, got < 0 ? strerrorname_np(errno) : "-",
            atomic_load(&handled));
    return arg;
}

static void be_in_background(void)
{
    struct sigaction action;
    sigset_t set;
    memset(&action, 0, sizeof action);
    action.sa_handler = how_now == DEFAULT ? SIG_DFL : how_now == IGNORED ? SIG_IGN : handler;
    action.sa_flags = how_now == RESTARTED ? SA_RESTART : 0;
    CHECK_EQ(sigaction(SIGTTOU, &action, NULL), 0);
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0); /* nobody but the writer takes it */
    ticker_start();
    wait_ticks(2);
    join(start(writes, NULL));
    ticker_end();
    _exit(0);
}

static void lead(void)
{
    struct termios modes;
    int master = posix_openpt(O_RDWR | O_NOCTTY), gate[2], status;
    char byte;
    CHECK(setsid() > 0);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    CHECK((tty = open(ptsname(master), O_RDWR)) >= 0);
    CHECK_EQ(ioctl(tty, TIOCSCTTY, 0), 0);
    CHECK_EQ(tcgetattr(tty, &modes), 0);
    modes.c_lflag |= TOSTOP;
    CHECK_EQ(tcsetattr(tty, TCSANOW, &modes), 0);
    CHECK_EQ(pipe(gate), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_EQ(read(gate[0], &byte, 1), 1);
        be_in_background();
    }
    CHECK_EQ(setpgid(child, child), 0);
    CHECK_EQ(write(gate[1], "g", 1), 1);
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    if (WIFSTOPPED(status)) {
        dprintf(1, "%s: stopped by SIGTTOU %d\n", names[how_now], WSTOPSIG(status) == SIGTTOU);
        CHECK_EQ(ioctl(tty, TIOCSPGRP, &child), 0);
        CHECK_EQ(kill(child, SIGCONT), 0);
        CHECK_EQ(waitpid(child, &status, 0), child);
    }
    CHECK_EQ(status, 0);
    _exit(0);
}

int main(void)
{
    for (how_now = DEFAULT; how_now <= BLOCKED; how_now = (enum how)(how_now + 1)) {
        pid_t leader = fork();
        CHECK(leader >= 0);
        if (leader == 0) {
            signal(SIGHUP, SIG_IGN);
            lead();
        }
        CHECK_CHILD(leader, 0);
    }
    return 0;
}
