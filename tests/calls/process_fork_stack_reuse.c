/* After fork glibc gives stacks of threads that are gone to the child's new threads: they must be free to use, and
 * thread-local storage starts afresh. */
#include "check.h"

static atomic_int waiting;
static __thread char mine[20000];

static void *waits(void *arg)
{
    memset(mine, 7, sizeof mine);
    atomic_fetch_add(&waiting, 1);
    for (;;)
        pause();
    return arg;
}

static void *checks(void *arg)
{
    char local[60000];
    for (size_t i = 0; i < sizeof mine; i++)
        CHECK_EQ(mine[i], 0);
    memset(local, (int)(long)arg, sizeof local);
    memset(mine, (int)(long)arg, sizeof mine);
    sleep_ms(1);
    for (size_t i = 0; i < sizeof local; i++)
        CHECK_EQ(local[i], (char)(long)arg);
    return arg;
}

int main(void)
{
    for (int i = 0; i < 20; i++)
        start(waits, NULL);
    wait_for(&waiting, 20);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (int round = 0; round < 3; round++) {
            pthread_t threads[30];
            for (long i = 0; i < 30; i++)
                threads[i] = start(checks, (void *)(i + 1));
            for (int i = 0; i < 30; i++)
                CHECK_EQ((long)join(threads[i]), i + 1);
        }
        exit(0);
    }
    CHECK_CHILD(child, 0);
    printf("done\n");
    return 0;
}
