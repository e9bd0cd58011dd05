/* The child of a vfork that faults dies of the signal; the parent goes on. */
#include "check.h"
#include <sys/wait.h>

static void *faults(void *arg)
{
    pid_t child = vfork();
    CHECK(child >= 0);
    if (child == 0) {
        *(volatile int *)8 = 1;
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    return arg;
}

int main(void)
{
    faults(NULL);
    in_both_threads(faults);
    printf("done\n");
    return 0;
}
