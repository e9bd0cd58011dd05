/* Threads are created and joined; each hands back its own value. */
#include "check.h"

static void *square(void *arg)
{
    long n = (long)arg;
    return (void *)(n * n);
}

int main(void)
{
    pthread_t threads[50];
    long sum = 0;
    for (long i = 0; i < 50; i++)
        threads[i] = start(square, (void *)i);
    for (int i = 0; i < 50; i++)
        sum += (long)join(threads[i]);
    printf("sum %ld\n", sum);
    for (int i = 0; i < 500; i++)
        CHECK_EQ((long)join(start(square, (void *)7)), 49);
    CHECK_EQ(pthread_join(pthread_self(), NULL), EDEADLK);
    printf("done\n");
    return 0;
}
