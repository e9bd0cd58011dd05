/* The first thread of a process whose address space is limited to 512 MB: it works, with small stacks. */
#include "check.h"

static void *waits(void *arg)
{
    sleep_ms(1);
    return arg;
}

int main(void)
{
    struct rlimit limit = {(rlim_t)512 << 20, (rlim_t)512 << 20};
    pthread_t threads[50];
    pthread_attr_t attr;
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 256 << 10), 0);
    for (long i = 0; i < 50; i++)
        CHECK_EQ(pthread_create(&threads[i], &attr, waits, (void *)i), 0);
    for (long i = 0; i < 50; i++)
        CHECK_EQ((long)join(threads[i]), i);
    printf("done\n");
    return 0;
}
