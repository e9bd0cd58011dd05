/* main ends by pthread_exit; when the last thread ends, exit handlers run, stdio is flushed and the status is 0. */
#include "check.h"

static void at_exit(void)
{
    printf("exit handler\n");
}

static void *last(void *arg)
{
    (void)arg;
    sleep_ms(20);
    printf("last thread, not flushed by itself\n");
    return (void *)5;
}

int main(void)
{
    atexit(at_exit);
    start(last, NULL);
    printf("main leaves\n");
    pthread_exit((void *)7);
}
