/* A thousand threads wait at once, and they are not kernel threads.
 * greens
 */
#include "check.h"

#define THREADS 1000
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER, go = PTHREAD_COND_INITIALIZER;
static int here, open_gate, passed;

static void *wait_at_gate(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    if (++here == THREADS)
        pthread_cond_signal(&all_here);
    while (!open_gate)
        pthread_cond_wait(&go, &lock);
    passed++;
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    static pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(wait_at_gate, NULL);
    pthread_mutex_lock(&lock);
    while (here < THREADS)
        pthread_cond_wait(&all_here, &lock);
    CHECK_GREENS();
    open_gate = 1;
    pthread_cond_broadcast(&go);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("passed %d\n", passed);
    return 0;
}
