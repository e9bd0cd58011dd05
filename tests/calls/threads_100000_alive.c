/* 100,000 threads with 16 KiB stacks live at once, each with its own thread-local variable. Plain Linux stops near
 * 32,000 (vm.max_map_count, kernel.pid_max).
 * greens
 * native: may fail
 * timeout: 120
 * caps: no
 */
#include "check.h"

#define THREADS 100000
static pthread_t threads[THREADS];
static __thread long mine;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER, go = PTHREAD_COND_INITIALIZER;
static int here, open_gate;

static void *wait_at_gate(void *arg)
{
    mine = (long)arg;
    pthread_mutex_lock(&lock);
    if (++here == THREADS)
        pthread_cond_signal(&all_here);
    while (!open_gate)
        pthread_cond_wait(&go, &lock);
    pthread_mutex_unlock(&lock);
    return (void *)mine;
}

int main(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 16384), 0);
    for (long i = 0; i < THREADS; i++) {
        int rc = pthread_create(&threads[i], &attr, wait_at_gate, (void *)i);
        if (rc) {
            dprintf(2, "thread %ld: %s\n", i, strerror(rc));
            _exit(1);
        }
    }
    pthread_mutex_lock(&lock);
    while (here < THREADS)
        pthread_cond_wait(&all_here, &lock);
    CHECK_GREENS();
    open_gate = 1;
    pthread_cond_broadcast(&go);
    pthread_mutex_unlock(&lock);
    for (long i = 0; i < THREADS; i++)
        CHECK_EQ((long)join(threads[i]), i);
    printf("all %d\n", here);
    return 0;
}
