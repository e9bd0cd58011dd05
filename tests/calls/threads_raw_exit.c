/* A thread that ends by the bare exit system call is joined as one that returned; _exit in a thread ends the process.
 * status: 9
 */
#include "check.h"

static void *ends_bare(void *arg)
{
    sleep_ms(2);
    syscall(SYS_exit, 0);
    return arg;
}

static void *ends_process(void *arg)
{
    sleep_ms(2);
    _exit(9);
    return arg;
}

int main(void)
{
    for (int i = 0; i < 5; i++)
        CHECK_EQ(pthread_join(start(ends_bare, NULL), NULL), 0);
    printf("joined\n");
    fflush(stdout);
    start(ends_process, NULL);
    pause();
    return 1;
}
