/* Process-shared mutex, condition variable and semaphore in shared memory, between a threaded parent and its child. */
#include "shared_sync.h"
#include <semaphore.h>

struct shared {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    sem_t sem;
    int turn, total;
};
static struct shared *shared;

static void play(int me)
{
    pthread_mutex_lock(&shared->lock);
    for (int i = 0; i < 100; i++) {
        while (shared->turn != me)
            pthread_cond_wait(&shared->changed, &shared->lock);
        shared->total++;
        shared->turn = !me;
        pthread_cond_broadcast(&shared->changed);
    }
    pthread_mutex_unlock(&shared->lock);
}

static void *in_thread(void *arg)
{
    play((int)(long)arg);
    return NULL;
}

int main(void)
{
    shared = shared_memory(sizeof *shared);
    shared_mutex(&shared->lock, PTHREAD_MUTEX_STALLED);
    shared_cond(&shared->changed);
    CHECK_EQ(sem_init(&shared->sem, 1, 0), 0);
    ticker_start();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        play(1);
        sem_post(&shared->sem);
        _exit(0);
    }
    pthread_t thread = start(in_thread, (void *)0);
    CHECK_EQ(sem_wait(&shared->sem), 0);
    join(thread);
    CHECK_CHILD(child, 0);
    ticker_end();
    printf("total %d\n", shared->total);
    return 0;
}
