/* A failed exec returns its errno and changes nothing: threads, masks and descriptors go on as before. */
#include "check.h"

static void *tries(void *arg)
{
    char *args[] = {"x", NULL}, *env[] = {NULL};
    sigset_t set, now;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_ERRNO(execve("/no/such/program", args, env), ENOENT);
    CHECK_ERRNO(execve("/etc/passwd", args, env), EACCES);
    CHECK_ERRNO(execve((char *)8, args, env), EFAULT);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
    CHECK_EQ(sigismember(&now, SIGUSR2), 1);
    CHECK_EQ(sigismember(&now, SIGUSR1), 0);
    return arg;
}

int main(void)
{
    ticker_start();
    join(start(tries, NULL));
    wait_ticks(3);
    tries(NULL);
    ticker_end();
    printf("done\n");
    return 0;
}
