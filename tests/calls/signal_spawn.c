/* While signals rain on the process and its group, posix_spawn makes children: no handler ever runs in a child, each
 * child runs its program, and the handlers of the parent run in the parent.
 */
#include "check.h"
#include <spawn.h>
#include <sys/mman.h>

extern char **environ;

static struct shared {
    atomic_int in_parent, in_child;
} *shared;
static pid_t self;

static void handler(int number)
{
    (void)number;
    atomic_fetch_add(syscall(SYS_getpid) == self ? &shared->in_parent : &shared->in_child, 1);
}

static pid_t sender(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        signal(SIGUSR1, SIG_IGN);
        for (int i = 0;; i++) {
            if (kill(0, SIGUSR1) || kill(self, SIGUSR2))
                _exit(0);
            /* These queue up, and while a child is made nobody takes them. */
            if (i % 64 == 0 && kill(self, SIGRTMIN + 5))
                _exit(0);
            usleep(50);
        }
    }
    return child;
}

static void *spawns(void *arg)
{
    char *args[] = {"sh", "-c", "exit 5", NULL};
    posix_spawnattr_t attr;
    sigset_t blocked;
    /* The children of the group get SIGUSR1 too, from their first moment on. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &blocked);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    for (int i = 0; i < 60; i++) {
        pid_t child;
        CHECK_EQ(posix_spawn(&child, "/bin/sh", NULL, &attr, args, environ), 0);
        CHECK_CHILD(child, 5);
    }
    posix_spawnattr_destroy(&attr);
    return arg;
}

int main(void)
{
    CHECK_EQ(setpgid(0, 0), 0);
    self = getpid();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGRTMIN + 5, &action, NULL), 0);
    ticker_start();
    pid_t rain = sender();
    wait_for(&shared->in_parent, 10);
    pthread_t first = start(spawns, NULL), second = start(spawns, NULL);
    spawns(NULL);
    join(first);
    join(second);
    CHECK_EQ(kill(rain, SIGKILL), 0);
    CHECK_EQ(wait_status(rain), SIGKILL);
    CHECK_EQ(atomic_load(&shared->in_child), 0);
    ticker_end();
    puts("no handler in a child");
    return 0;
}
