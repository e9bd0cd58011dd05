/* pthread_cancel ends a thread that waits: in read, nanosleep, a condition variable, sem_wait, a join, recv; cleanup
 * handlers and key destructors run. A thread with cancellation disabled is ended at its next point after. */
#include "check.h"
#include <semaphore.h>

static int pipe_ends[2], sockets[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t empty;
static atomic_int ready, cleaned, destroyed;
static pthread_key_t key;

static void clean(void *arg)
{
    atomic_fetch_add(&cleaned, 1);
    if (arg)
        pthread_mutex_unlock(arg);
}

static void destroy(void *arg)
{
    (void)arg;
    atomic_fetch_add(&destroyed, 1);
}

static void *forever(void *arg)
{
    (void)arg;
    sleep(1000);
    return NULL;
}

static void wait_somehow(long how)
{
    char byte;
    switch (how) {
    case 0:
        CHECK(read(pipe_ends[0], &byte, 1) == 1);
        break;
    case 1:
        sleep(1000);
        break;
    case 2:
        pthread_mutex_lock(&lock);
        pthread_cleanup_push(clean, &lock);
        pthread_cond_wait(&never, &lock);
        pthread_cleanup_pop(1);
        break;
    case 3:
        sem_wait(&empty);
        break;
    case 4:
        join(start(forever, NULL));
        break;
    case 5:
        CHECK(recv(sockets[0], &byte, 1, 0) == 1);
        break;
    case 6:
        pause();
        break;
    }
}

static void *waits(void *arg)
{
    pthread_setspecific(key, (void *)1);
    pthread_cleanup_push(clean, NULL);
    atomic_fetch_add(&ready, 1);
    wait_somehow((long)arg);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *not_now(void *arg)
{
    (void)arg;
    int old;
    CHECK_EQ(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old), 0);
    atomic_fetch_add(&ready, 1);
    sleep_ms(30);
    atomic_fetch_add(&ready, 1);
    CHECK_EQ(pthread_setcancelstate(old, NULL), 0);
    pthread_testcancel();
    return NULL;
}

int main(void)
{
    CHECK_EQ(pipe(pipe_ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK_EQ(sem_init(&empty, 0, 0), 0);
    CHECK_EQ(pthread_key_create(&key, destroy), 0);
    for (long how = 0; how < 7; how++) {
        atomic_store(&ready, 0);
        pthread_t thread = start(waits, (void *)how);
        wait_for(&ready, 1);
        sleep_ms(5);
        CHECK_EQ(pthread_cancel(thread), 0);
        CHECK(join(thread) == PTHREAD_CANCELED);
    }
    CHECK_EQ(pthread_mutex_trylock(&lock), 0);
    atomic_store(&ready, 0);
    pthread_t thread = start(not_now, NULL);
    wait_for(&ready, 1);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    CHECK_EQ(atomic_load(&ready), 2);
    printf("cleaned %d, destroyed %d\n", atomic_load(&cleaned), atomic_load(&destroyed));
    return 0;
}
