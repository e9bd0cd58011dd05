/* pthread_exit in the only thread, after others have come and gone: exit handlers run, the status is 0. */
#include "check.h"

static void at_exit(void)
{
    printf("exit handler\n");
}

static void *nothing(void *arg)
{
    return arg;
}

int main(void)
{
    atexit(at_exit);
    join(start(nothing, NULL));
    printf("no newline at the end");
    pthread_exit(NULL);
}
