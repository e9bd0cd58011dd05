/* A fork child that ends by exit() flushes its own output and runs exit handlers once; one whose only thread calls
 * pthread_exit ends with status 0. */
#include "check.h"

static void at_exit(void)
{
    printf("exit handler\n");
}

static void *forks(void *arg)
{
    long how = (long)arg;
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        printf("child %ld\n", how);
        if (how == 0)
            exit(3);
        pthread_exit(NULL);
    }
    CHECK_CHILD(child, how == 0 ? 3 : 0);
    return NULL;
}

int main(void)
{
    atexit(at_exit);
    ticker_start();
    forks((void *)0);
    join(start(forks, (void *)0));
    join(start(forks, (void *)1));
    ticker_end();
    return 0;
}
