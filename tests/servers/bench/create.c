/*
 * Makes a thread that does nothing and joins it, over and over.
 * usage: create [TIMES]      prints create_ns, the time of one pthread_create + pthread_join
 */
#include "bench.h"

static void *nothing(void *argument)
{
    return argument;
}

static void once(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, nothing, NULL), "pthread_create");
    must(pthread_join(thread, NULL), "pthread_join");
}

int main(int argc, char **argv)
{
    long n = times(argc, argv, 20000);
    once(); /* the first one pays for things that happen once in a process */
    double start = now_ns();
    for (long i = 0; i < n; i++)
        once();
    printf("create_ns %.1f\n", (now_ns() - start) / (double)n);
    return 0;
}
