/* A limit on address space set by a child of a threaded process: threads start there until memory is really out, and
 * again after some have ended. */
#include "check.h"

static void *nothing(void *arg)
{
    char local[4096];
    memset(local, 1, sizeof local);
    return arg;
}

int main(void)
{
    join(start(nothing, NULL));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        fill_limited_memory();
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    printf("done\n");
    return 0;
}
