/* For the programs that make their first thread in an unusual place: twenty threads wait together, and are not kernel
 * threads. */
#ifndef ACTIVATION_COMMON_H
#define ACTIVATION_COMMON_H
#include "check.h"

static pthread_barrier_t activation_together;
static int activation_ends[2];

static void *activation_wait(void *arg)
{
    char byte;
    pthread_barrier_wait(&activation_together);
    CHECK_EQ(read(activation_ends[0], &byte, 1), 1);
    return arg;
}

/* `look` is 0 where /proc cannot be read (after chroot). */
static UNUSED void check_threads_work(int look)
{
    pthread_t threads[20];
    CHECK_EQ(pipe(activation_ends), 0);
    CHECK_EQ(pthread_barrier_init(&activation_together, NULL, 21), 0);
    for (long i = 0; i < 20; i++)
        threads[i] = start(activation_wait, (void *)i);
    pthread_barrier_wait(&activation_together);
    if (look)
        CHECK_GREENS();
    for (int i = 0; i < 20; i++)
        CHECK_EQ(write(activation_ends[1], "x", 1), 1);
    for (int i = 0; i < 20; i++)
        CHECK_EQ((long)join(threads[i]), i);
    close(activation_ends[0]), close(activation_ends[1]);
}
#endif
