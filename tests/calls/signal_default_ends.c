/* Signals whose default ends a process do so in a threaded one, with the right status: sent to the process, to a
 * thread, raised, by abort, and by a fault. */
#include "check.h"
#include <sys/resource.h>

static atomic_int waiting;

static void *waits(void *arg)
{
    atomic_fetch_add(&waiting, 1);
    for (;;)
        pause();
    return arg;
}

static void *does(void *arg)
{
    switch ((long)arg) {
    case 0:
        kill(getpid(), SIGTERM);
        break;
    case 1:
        raise(SIGUSR1);
        break;
    case 2:
        abort();
    case 3:
        *(volatile int *)8 = 1;
        break;
    case 4:
        __builtin_trap();
    case 5:
        kill(getpid(), SIGKILL);
        break;
    }
    for (;;)
        pause();
    return NULL;
}

static void child(long how)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    pthread_t first = start(waits, NULL);
    start(waits, NULL);
    wait_for(&waiting, 2);
    if (how == 6)
        pthread_kill(first, SIGINT);
    else
        start(does, (void *)how);
    for (;;)
        pause();
}

int main(void)
{
    for (long how = 0; how < 7; how++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
            child(how);
        int status = wait_status(pid);
        printf("%ld: signaled %d, signal %d\n", how, WIFSIGNALED(status), WTERMSIG(status));
    }
    return 0;
}
