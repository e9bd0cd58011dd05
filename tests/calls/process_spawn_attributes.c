/* posix_spawn from a thread with every attribute and file action: mask, defaults, group, its own leader, scheduling,
 * ids, chdir, fchdir; each is seen by the child, in every combination of two, and the parent
 * keeps what it had. Errors of an action are the call's.
 */
#include "check.h"
#include <spawn.h>

extern char **environ;

static const short flags[] = {POSIX_SPAWN_RESETIDS,      POSIX_SPAWN_SETPGROUP,     POSIX_SPAWN_SETSIGDEF,
                              POSIX_SPAWN_SETSIGMASK,    POSIX_SPAWN_SETSCHEDPARAM, POSIX_SPAWN_SETSCHEDULER,
                              POSIX_SPAWN_USEVFORK,      POSIX_SPAWN_SETSID};

static int has(int all, short one)
{
    return (all & one) != 0;
}

/* In the child: what it was given. */
static int child(int all)
{
    struct sigaction action;
    sigset_t mask;
    char place[64];
    CHECK_EQ(geteuid(), getuid());
    CHECK_EQ(getpgrp() == getpid(), has(all, POSIX_SPAWN_SETPGROUP) || has(all, POSIX_SPAWN_SETSID));
    CHECK_EQ(getsid(0) == getpid(), has(all, POSIX_SPAWN_SETSID));
    CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL); /* it had a handler */
    CHECK_EQ(sigaction(SIGUSR2, NULL, &action), 0);
    CHECK(action.sa_handler == (has(all, POSIX_SPAWN_SETSIGDEF) ? SIG_DFL : SIG_IGN));
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    CHECK_EQ(sigismember(&mask, SIGHUP), has(all, POSIX_SPAWN_SETSIGMASK));
    CHECK_EQ(sigismember(&mask, SIGWINCH), !has(all, POSIX_SPAWN_SETSIGMASK));
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    CHECK(getcwd(place, sizeof place) && strcmp(place, "/proc") == 0);
    CHECK_EQ(fcntl(7, F_GETFD), 0);
    CHECK_ERRNO(fcntl(8, F_GETFD), EBADF);
    return 21;
}

static pid_t spawn(int all)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t actions;
    struct sched_param param = {0};
    sigset_t mask, defaults;
    char number[12];
    pid_t pid;
    snprintf(number, sizeof number, "%d", all);
    char *args[] = {"again", number, NULL};
    CHECK_EQ(posix_spawnattr_init(&attr), 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGUSR2);
    CHECK_EQ(posix_spawnattr_setsigmask(&attr, &mask), 0);
    CHECK_EQ(posix_spawnattr_setsigdefault(&attr, &defaults), 0);
    CHECK_EQ(posix_spawnattr_setpgroup(&attr, 0), 0);
    CHECK_EQ(posix_spawnattr_setschedparam(&attr, &param), 0);
    CHECK_EQ(posix_spawnattr_setschedpolicy(&attr, SCHED_OTHER), 0);
    CHECK_EQ(posix_spawnattr_setflags(&attr, (short)all), 0);
    CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
    CHECK_EQ(posix_spawn_file_actions_addchdir_np(&actions, "/"), 0);
    CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 6, "proc", O_RDONLY, 0), 0);
    CHECK_EQ(posix_spawn_file_actions_addfchdir_np(&actions, 6), 0);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, 6, 7), 0);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, 7, 7), 0);
    CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 8, "self", O_RDONLY, 0), 0);
    CHECK_EQ(posix_spawn_file_actions_addclosefrom_np(&actions, 8), 0);
    CHECK_EQ(posix_spawn(&pid, "/proc/self/exe", &actions, &attr, args, environ), 0);
    CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
    CHECK_EQ(posix_spawnattr_destroy(&attr), 0);
    return pid;
}

static void errors(void)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char *args[] = {"true", NULL};
    pid_t pid = -5;
    CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
    CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 5, "/no/such/file", O_RDONLY, 0), 0);
    CHECK_EQ(posix_spawn(&pid, "/bin/true", &actions, NULL, args, environ), ENOENT);
    CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
    CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, 900, 5), 0);
    CHECK_EQ(posix_spawn(&pid, "/bin/true", &actions, NULL, args, environ), EBADF);
    CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
    CHECK_EQ(posix_spawnattr_init(&attr), 0);
    CHECK_EQ(posix_spawnattr_setpgroup(&attr, 1), 0);
    CHECK_EQ(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP), 0);
    CHECK_EQ(posix_spawn(&pid, "/bin/true", NULL, &attr, args, environ), EPERM);
    CHECK_EQ(posix_spawnattr_destroy(&attr), 0);
    CHECK_EQ(posix_spawn(&pid, "/etc/passwd", NULL, NULL, args, environ), EACCES);
    CHECK_ERRNO(wait(NULL), ECHILD);
}

static void *all_of_them(void *arg)
{
    sigset_t before, after;
    sigemptyset(&before);
    sigaddset(&before, SIGWINCH);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    CHECK_CHILD(spawn(0), 21);
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        for (size_t k = i; k < COUNT_OF(flags); k++) {
            int both = flags[i] | flags[k];
            /* The first of its own group cannot also become a leader: EPERM, natively too. */
            if (has(both, POSIX_SPAWN_SETPGROUP) && has(both, POSIX_SPAWN_SETSID))
                continue;
            CHECK_CHILD(spawn(both), 21);
        }
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    CHECK_EQ(sigismember(&after, SIGWINCH), 1);
    CHECK_EQ(sigismember(&after, SIGHUP), 0);
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    return arg;
}

static void handler(int number)
{
    (void)number;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child(atoi(argv[1]));
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    ticker_start();
    pthread_t first = start(all_of_them, NULL), second = start(all_of_them, NULL);
    all_of_them(NULL);
    join(first);
    join(second);
    errors();
    ticker_end();
    puts("every attribute");
    return 0;
}
