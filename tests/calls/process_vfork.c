/* vfork: the child's exec and _exit, its status, and the parent's memory and threads afterwards. */
#include "check.h"

static void once(int how)
{
    volatile int local = 5;
    pid_t child = vfork();
    if (child == 0) {
        if (how == 0)
            _exit(11);
        if (how == 1)
            execl("/bin/sh", "sh", "-c", "exit 12", (char *)NULL);
        execl("/no/such/program", "x", (char *)NULL);
        _exit(errno == ENOENT ? 13 : 1);
    }
    CHECK(child > 0);
    CHECK_EQ(local, 5);
    CHECK_CHILD(child, 11 + how);
}

static void *all(void *arg)
{
    for (int i = 0; i < 6; i++)
        once(i % 3);
    return arg;
}

int main(void)
{
    ticker_start();
    pthread_t first = start(all, NULL), second = start(all, NULL);
    join(first);
    join(second);
    all(NULL);
    wait_ticks(3);
    ticker_end();
    printf("done\n");
    return 0;
}
