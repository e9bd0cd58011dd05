/*
 * Makes a thread that does nothing and joins it, over and over.
 * usage: create [TIMES]      prints create_ns, the time of one pthread_create + pthread_join, and
 * in_kernel, whether the kernel knows the threads
 */
#include "bench.h"

static int in_kernel;

static void *nothing(void *argument)
{
    return argument;
}

static void *look(void *argument)
{
    in_kernel = known_to_kernel();
    return argument;
}

static void once(void *(*start)(void *))
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, start, NULL), "pthread_create");
    must(pthread_join(thread, NULL), "pthread_join");
}

int main(int argc, char **argv)
{
    long n = times(argc, argv, 20000);
    once(look); /* the first one pays for things that happen once in a process */
    double begin = now_ns();
    for (long i = 0; i < n; i++)
        once(nothing);
    printf("create_ns %.1f\n", (now_ns() - begin) / (double)n);
    printf("in_kernel %d\n", in_kernel);
    return 0;
}
