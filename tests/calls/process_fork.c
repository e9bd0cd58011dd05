/* fork in a thread while many others wait: the child has only that thread, can make and join its own, lock and print,
 * fork again, and its status reaches the parent. The parent's threads go on unharmed. */
#include "check.h"

#define THREADS 50
static int ends[2];
static atomic_int waiting, got;

static void *waits(void *arg)
{
    char byte;
    (void)arg;
    atomic_fetch_add(&waiting, 1);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    atomic_fetch_add(&got, 1);
    return NULL;
}

static void *answers(void *arg)
{
    sleep_ms(1);
    return arg;
}

static void in_child(void)
{
    pthread_t threads[5];
    CHECK_EQ(gettid(), getpid());
    for (long i = 0; i < 5; i++)
        threads[i] = start(answers, (void *)i);
    for (int i = 0; i < 5; i++)
        CHECK_EQ((long)join(threads[i]), i);
    pid_t grandchild = fork();
    CHECK(grandchild >= 0);
    if (grandchild == 0) {
        CHECK_EQ((long)join(start(answers, (void *)6)), 6);
        _exit(5);
    }
    CHECK_CHILD(grandchild, 5);
    free(malloc(100000));
    sleep_ms(2);
}

static void *forks(void *arg)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        in_child();
        _exit((int)(long)arg);
    }
    CHECK_CHILD(child, (int)(long)arg);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS], forkers[4];
    CHECK_EQ(pipe(ends), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(waits, NULL);
    wait_for(&waiting, THREADS);
    for (long i = 0; i < 4; i++)
        forkers[i] = start(forks, (void *)(i + 20));
    for (int i = 0; i < 4; i++)
        join(forkers[i]);
    forks((void *)9);
    CHECK_EQ(atomic_load(&got), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(write(ends[1], "x", 1), 1);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("got %d\n", atomic_load(&got));
    return 0;
}
