/* A library whose constructor makes threads, before main and perhaps before any preloaded library was set up. */
#include <pthread.h>

int ctor_thread_sum;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *adds(void *arg)
{
    pthread_mutex_lock(&lock);
    ctor_thread_sum += (int)(long)arg;
    pthread_mutex_unlock(&lock);
    return arg;
}

__attribute__((constructor)) static void first(void)
{
    pthread_t threads[10];
    for (long i = 0; i < 10; i++)
        if (pthread_create(&threads[i], NULL, adds, (void *)(i + 1)))
            return;
    for (int i = 0; i < 10; i++)
        pthread_join(threads[i], NULL);
}
