/* A thread that runs over the end of its small stack: the program sets OVERFLOW_FRAME, the bytes of each call's frame, and
 * AT_EACH_DEPTH, what each call does. */
#ifndef STACK_OVERFLOW_H
#define STACK_OVERFLOW_H
#include "check.h"

static long deeper(volatile char *above)
{
    volatile char frame[OVERFLOW_FRAME];
    frame[0] = above[0];
    AT_EACH_DEPTH;
    return deeper(frame) + frame[0];
}

static UNUSED void *overflows(void *arg)
{
    volatile char first[1] = {(char)(long)arg};
    return (void *)deeper(first);
}

/* Runs `function`, which overflows, in a thread with a stack of `size` bytes; no core is left if that ends the process. */
static void in_small_stack(void *(*function)(void *), size_t size)
{
    struct rlimit none = {0, 0};
    pthread_attr_t attr;
    pthread_t thread;
    CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
    CHECK_EQ(pthread_attr_init(&attr), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attr, size), 0);
    CHECK_EQ(pthread_create(&thread, &attr, function, NULL), 0);
    join(thread);
}

#endif
