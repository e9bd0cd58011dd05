/* wait4 and waitid with every option and every way to name children, while another thread waits for a child of its own:
 * stops and continuations, WNOWAIT, pidfds, process groups, and each error as Linux gives it, without waiting for it.
 */
#include "children.h"
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void seen(siginfo_t *info, pid_t child, int code, int status)
{
    CHECK_EQ(info->si_signo, SIGCHLD);
    CHECK_EQ(info->si_pid, child);
    CHECK_EQ(info->si_uid, getuid());
    CHECK_EQ(info->si_code, code);
    CHECK_EQ(info->si_status, status);
    memset(info, 0, sizeof *info);
}

static void stops(idtype_t kind, pid_t id, pid_t child)
{
    siginfo_t info = {0};
    int status;
    CHECK_EQ(kill(child, SIGSTOP), 0);
    CHECK_EQ(waitid(kind, (id_t)id, &info, WSTOPPED | WNOWAIT), 0);
    seen(&info, child, CLD_STOPPED, SIGSTOP);
    CHECK_EQ(waitid(kind, (id_t)id, &info, WSTOPPED | WEXITED), 0);
    seen(&info, child, CLD_STOPPED, SIGSTOP);
    CHECK_EQ(kill(child, SIGCONT), 0);
    CHECK_EQ(waitid(kind, (id_t)id, &info, WCONTINUED | WSTOPPED), 0);
    seen(&info, child, CLD_CONTINUED, SIGCONT);
    CHECK_EQ(kill(child, SIGTSTP), 0);
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
    CHECK_EQ(kill(child, SIGCONT), 0);
    CHECK_EQ(waitpid(child, &status, WCONTINUED | WUNTRACED), child);
    CHECK(WIFCONTINUED(status));
}

static void ends(idtype_t kind, pid_t id, pid_t child)
{
    siginfo_t info = {0};
    struct rusage usage;
    CHECK_EQ(waitid(kind, (id_t)id, &info, WEXITED | WNOHANG), 0);
    CHECK_EQ(info.si_pid, 0);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitid(kind, (id_t)id, &info, WEXITED | WNOWAIT), 0);
    seen(&info, child, CLD_KILLED, SIGKILL);
    memset(&usage, 0xff, sizeof usage);
    CHECK_EQ(syscall(SYS_waitid, kind, id, &info, WEXITED, &usage), 0);
    seen(&info, child, CLD_KILLED, SIGKILL);
    CHECK(usage.ru_utime.tv_sec >= 0);
    CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD);
}

static void ways(void)
{
    pid_t child = sleeping_child();
    stops(P_PID, child, child);
    ends(P_PID, child, child);
    child = sleeping_child();
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    CHECK(fd >= 0);
    stops(P_PIDFD, fd, child);
    ends(P_PIDFD, fd, child);
    CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, NULL, WEXITED), ECHILD);
    close(fd);
    child = sleeping_child();
    CHECK_EQ(setpgid(child, child), 0);
    stops(P_PGID, child, child);
    int status;
    CHECK_EQ(kill(-child, SIGTERM), 0);
    CHECK_EQ(waitpid(-child, &status, __WALL), child);
    CHECK_EQ(status, SIGTERM);
    CHECK_ERRNO(waitpid(-child, &status, 0), ECHILD);
    child = sleeping_child();
    CHECK_EQ(setpgid(child, child), 0);
    ends(P_PGID, child, child);
}

static void errors(void)
{
    siginfo_t info;
    pid_t child = sleeping_child();
    CHECK_ERRNO(waitid(P_PID, 1, &info, WEXITED), ECHILD);
    CHECK_ERRNO(waitid(P_PID, (id_t)getpid(), &info, WEXITED), ECHILD);
    CHECK_ERRNO(waitid(P_PID, (id_t)child, &info, 0), EINVAL);
    CHECK_ERRNO(waitid(P_PID, (id_t)child, &info, WNOWAIT), EINVAL);
    CHECK_ERRNO(waitid(P_PID, (id_t)child, &info, WEXITED | 0x40000), EINVAL);
    CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid((idtype_t)17, 0, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PGID, (id_t)-1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PIDFD, (id_t)-1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PIDFD, 999, &info, WEXITED), EBADF);
    CHECK_ERRNO(waitpid(child, NULL, 0x40000), EINVAL);
    CHECK_ERRNO(waitpid(1, NULL, 0), ECHILD);
    CHECK_ERRNO(waitpid(INT_MIN, NULL, 0), ESRCH);
    CHECK_ERRNO(waitpid(child, NULL, __WCLONE), ECHILD);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_ERRNO(waitid(P_PID, (id_t)child, (siginfo_t *)8, WEXITED), EFAULT);
    CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD);
    child = sleeping_child();
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(syscall(SYS_waitid, P_PID, child, NULL, WEXITED, NULL), 0);
    child = sleeping_child();
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_ERRNO(wait4(child, (int *)8, 0, NULL), EFAULT);
    CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD);
}

static atomic_int begun;

static void *waits(void *arg)
{
    int status;
    pid_t child = (pid_t)(long)arg;
    atomic_store(&begun, 1);
    CHECK_EQ(waitpid(child, &status, 0), child);
    return (void *)(long)status;
}

int main(void)
{
    ticker_start();
    pid_t child = sleeping_child();
    pthread_t thread = start(waits, (void *)(long)child);
    wait_for(&begun, 1);
    ways();
    errors();
    CHECK_EQ(kill(child, SIGINT), 0);
    CHECK_EQ((long)join(thread), SIGINT);
    ticker_end();
    puts("every way, every error");
    return 0;
}
