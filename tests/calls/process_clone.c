/* clone() of libc with a stack of its own, in a threaded process: sharing memory, suspending the parent, and neither.
 * The child calls libc and bare system calls. */
#include "check.h"
#include <linux/sched.h>
#include <sys/mman.h>

static atomic_int shared;

static int child(void *arg)
{
    struct timespec time = {0, 3000000};
    syscall(SYS_nanosleep, &time, NULL);
    atomic_fetch_add(&shared, 1);
    syscall(SYS_sched_yield);
    return (int)(long)arg;
}

static void *clones(void *arg)
{
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(stack != MAP_FAILED);
    for (long i = 0; i < 3; i++) {
        int flags[3] = {CLONE_VM | SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD, SIGCHLD};
        pid_t pid = clone(child, stack + 65536, flags[i], (void *)(i + 20));
        CHECK(pid > 0);
        CHECK_CHILD(pid, i + 20);
    }
    CHECK_EQ(munmap(stack, 65536), 0);
    return arg;
}

int main(void)
{
    ticker_start();
    pthread_t first = start(clones, NULL), second = start(clones, NULL);
    join(first);
    join(second);
    clones(NULL);
    wait_ticks(3);
    ticker_end();
    printf("shared %d\n", atomic_load(&shared));
    return 0;
}
