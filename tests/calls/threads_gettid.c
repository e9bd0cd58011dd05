/* Each living thread has an id of its own, different from the process id except in main; it stays the same over waits,
 * and tgkill with it reaches exactly that thread. */
#include "check.h"

#define THREADS 50
static pid_t ids[THREADS];
static pthread_barrier_t barrier;

static void *asks(void *arg)
{
    int me = (int)(long)arg;
    ids[me] = gettid();
    pthread_barrier_wait(&barrier);
    sleep_ms(5);
    CHECK_EQ(gettid(), ids[me]);
    CHECK_EQ(syscall(SYS_gettid), ids[me]);
    CHECK_EQ(syscall(SYS_tgkill, getpid(), ids[me], 0), 0);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(gettid(), getpid());
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(asks, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < THREADS; i++) {
        CHECK(ids[i] > 0 && ids[i] != getpid());
        for (int j = 0; j < i; j++)
            CHECK(ids[i] != ids[j]);
    }
    CHECK_EQ(gettid(), getpid());
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
    printf("done\n");
    return 0;
}
