/* Mutexes (plain, robust, with error checks), condition variables, semaphores and barriers in shared memory, between the
 * threads of this process and those of a child that runs on plain Linux (LICHEN_DISABLE is set for it) or as this one: all
 * wake each other, and of a process that is killed while it owns a robust mutex the others are told.
 */
#include "shared_sync.h"
#include <semaphore.h>
#include <sys/mman.h>

#define TURNS 200
#define THREADS 3

struct shared {
    pthread_mutex_t lock, robust;
    pthread_cond_t changed;
    pthread_barrier_t barrier;
    sem_t up, down;
    int turn, total, in_barrier, owner_dies;
};
static struct shared *shared;

static void *plays(void *arg)
{
    int me = (int)(long)arg;
    pthread_mutex_lock(&shared->lock);
    for (int i = 0; i < TURNS; i++) {
        while (shared->turn != me)
            pthread_cond_wait(&shared->changed, &shared->lock);
        shared->total++;
        shared->turn = (me + 1) % (2 * THREADS);
        pthread_cond_broadcast(&shared->changed);
    }
    pthread_mutex_unlock(&shared->lock);
    int rc = pthread_barrier_wait(&shared->barrier);
    CHECK(rc == 0 || rc == PTHREAD_BARRIER_SERIAL_THREAD);
    return NULL;
}

static void all(int first)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(plays, (void *)(long)(first + i));
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
}

static void *dies(void *arg)
{
    CHECK_EQ(pthread_mutex_lock(&shared->robust), 0);
    CHECK_EQ(sem_post(&shared->up), 0);
    CHECK_EQ(sem_wait(&shared->down), 0);
    sleep_ms(5);
    kill(getpid(), SIGKILL);
    return arg;
}

static int child(int fd)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED);
    all(THREADS);
    for (int i = 0; i < TURNS; i++) {
        CHECK_EQ(sem_wait(&shared->down), 0);
        CHECK_EQ(sem_post(&shared->up), 0);
    }
    if (!shared->owner_dies)
        return 0;
    dies(NULL);
    return 1;
}

static void set_up(void)
{
    memset(shared, 0, sizeof *shared);
    shared_mutex(&shared->lock, PTHREAD_MUTEX_STALLED);
    shared_mutex(&shared->robust, PTHREAD_MUTEX_ROBUST);
    shared_cond(&shared->changed);
    shared_barrier(&shared->barrier, 2 * THREADS);
    CHECK_EQ(sem_init(&shared->up, 1, 0), 0);
    CHECK_EQ(sem_init(&shared->down, 1, 0), 0);
}

static void *waits_for_robust(void *arg)
{
    CHECK_EQ(pthread_mutex_lock(&shared->robust), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(&shared->robust), 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->robust), 0);
    return arg;
}

static void with_child(const char *self, int fd, int disabled, int owner_dies)
{
    char number[12];
    snprintf(number, sizeof number, "%d", fd);
    set_up();
    shared->owner_dies = owner_dies;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (disabled)
            setenv("LICHEN_DISABLE", "1", 1);
        execl(self, self, number, (char *)NULL);
    }
    all(0);
    CHECK_EQ(shared->total, 2 * THREADS * TURNS);
    for (int i = 0; i < TURNS; i++) {
        CHECK_EQ(sem_post(&shared->down), 0);
        CHECK_EQ(sem_wait(&shared->up), 0);
    }
    if (owner_dies) {
        CHECK_EQ(sem_wait(&shared->up), 0);
        pthread_t thread = start(waits_for_robust, NULL);
        sleep_ms(5);
        CHECK_EQ(sem_post(&shared->down), 0);
        join(thread);
        CHECK_EQ(wait_status(pid), SIGKILL);
    } else {
        CHECK_CHILD(pid, 0);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child(atoi(argv[1]));
    int fd = memfd_create("shared", 0);
    CHECK_EQ(ftruncate(fd, sizeof *shared), 0);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED);
    ticker_start();
    with_child(argv[0], fd, 1, 0);
    with_child(argv[0], fd, 0, 0);
    with_child(argv[0], fd, 1, 1);
    with_child(argv[0], fd, 0, 1);
    ticker_end();
    puts("woken and told");
    return 0;
}
