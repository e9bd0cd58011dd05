/* Waits for another party and work of the pool, together: more waiters at once than the pool ever has threads, and who
 * ends the wait needs the pool (fsync) before it does. Nothing stands still; another thread runs all the while.
 * flags: -lrt
 * env: LICHEN_POOL=2
 * timeout: 60
 */
#include "shared_sync.h"
#include <mqueue.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>

#define WAITERS 8
static char path[] = "/tmp/lichen-waits-XXXXXX";
static int file, queue, set, holder, go[2], held[2];
static pid_t child;
static atomic_int waiting, got;
static struct shared {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pthread_barrier_t barrier;
    sem_t semaphore;
    int open;
} *shared;
struct letter {
    long kind;
    char text[4];
};

static int again(void)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void on_disk(void)
{
    CHECK_EQ(pwrite(file, "x", 1, 0), 1);
    CHECK_EQ(fsync(file), 0);
}

static int lock_all(int fd, int command, short type)
{
    struct flock record = {.l_type = type, .l_whence = SEEK_SET};
    return fcntl(fd, command, &record);
}

/* flock */
static void flock_begin(void)
{
    holder = again();
    CHECK_EQ(flock(holder, LOCK_EX), 0);
}
static void flock_wait(void)
{
    int fd = again();
    CHECK_EQ(flock(fd, LOCK_EX), 0);
    on_disk();
    CHECK_EQ(close(fd), 0);
}
static void flock_end(void) { CHECK_EQ(close(holder), 0); }

/* Record locks of a description */
static void ofd_begin(void)
{
    holder = again();
    CHECK_EQ(lock_all(holder, F_OFD_SETLK, F_WRLCK), 0);
}
static void ofd_wait(void)
{
    int fd = again();
    CHECK_EQ(lock_all(fd, F_OFD_SETLKW, F_WRLCK), 0);
    on_disk();
    CHECK_EQ(close(fd), 0);
}

/* Record locks of a process: a child has it, and lets go when it is told. */
static void setlk_begin(void)
{
    char byte;
    CHECK_EQ(pipe(go), 0);
    CHECK_EQ(pipe(held), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_EQ(lock_all(file, F_SETLK, F_WRLCK), 0);
        CHECK_EQ(write(held[1], "x", 1), 1);
        CHECK_EQ(read(go[0], &byte, 1), 1);
        CHECK_EQ(fsync(file), 0);
        _exit(0);
    }
    CHECK_EQ(read(held[0], &byte, 1), 1);
}
static void setlk_wait(void)
{
    CHECK_EQ(lock_all(file, F_SETLKW, F_WRLCK), 0);
    on_disk();
}
static void setlk_end(void)
{
    CHECK_EQ(write(go[1], "x", 1), 1);
    CHECK_CHILD(child, 0);
}

/* The other end of a FIFO */
static char fifo[80];
static void fifo_begin(void)
{
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    CHECK_EQ(mkfifo(fifo, 0600), 0);
}
static void fifo_wait(void)
{
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    on_disk();
    CHECK_EQ(close(fd), 0);
}
static void fifo_end(void)
{
    holder = open(fifo, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(holder >= 0);
}
static void fifo_clean(void)
{
    CHECK_EQ(close(holder), 0);
    CHECK_EQ(unlink(fifo), 0);
}

/* System V */
static void sysv_begin(void)
{
    set = semget(IPC_PRIVATE, 1, 0600);
    queue = msgget(IPC_PRIVATE, 0600);
    if (set < 0 || queue < 0)
        LACKS("System V semaphores or message queues");
}
static void sysv_end(void)
{
    CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
    CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
}
static void semop_wait(void)
{
    struct sembuf one = {0, -1, 0}, give = {0, 1, 0};
    CHECK_EQ(semop(set, &one, 1), 0);
    on_disk();
    CHECK_EQ(semop(set, &give, 1), 0);
}
static void semop_end(void)
{
    struct sembuf give = {0, 1, 0};
    CHECK_EQ(semop(set, &give, 1), 0);
}
static void msgrcv_wait(void)
{
    struct letter letter;
    CHECK_EQ(msgrcv(queue, &letter, sizeof letter.text, 0, 0), sizeof letter.text);
    on_disk();
    CHECK_EQ(msgsnd(queue, &letter, sizeof letter.text, 0), 0);
}
static void msgrcv_end(void)
{
    struct letter letter = {5, "abc"};
    CHECK_EQ(msgsnd(queue, &letter, sizeof letter.text, 0), 0);
}

/* POSIX message queues: for a message, and for room */
static mqd_t posix;
static void mq_begin(void)
{
    char name[64];
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 4};
    snprintf(name, sizeof name, "/lichen-%d", (int)getpid());
    posix = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
    CHECK(posix != (mqd_t)-1);
    CHECK_EQ(mq_unlink(name), 0);
}
static void mq_clean(void) { CHECK_EQ(mq_close(posix), 0); }
static void mq_wait(void)
{
    char text[4];
    CHECK_EQ(mq_receive(posix, text, sizeof text, NULL), 4);
    on_disk();
    CHECK_EQ(mq_send(posix, text, sizeof text, 0), 0);
}
static void mq_end(void) { CHECK_EQ(mq_send(posix, "abc", 4, 0), 0); }
static void mq_full_begin(void)
{
    mq_begin();
    mq_end();
}
static void mq_full_wait(void)
{
    char text[4];
    CHECK_EQ(mq_send(posix, "def", 4, 0), 0);
    on_disk();
    CHECK_EQ(mq_receive(posix, text, sizeof text, NULL), 4);
}
static void mq_full_end(void)
{
    char text[4];
    CHECK_EQ(mq_receive(posix, text, sizeof text, NULL), 4);
}

/* Memory shared with other processes */
static void sem_begin(void) { CHECK_EQ(sem_init(&shared->semaphore, 1, 0), 0); }
static void sem_wait_one(void)
{
    CHECK_EQ(sem_wait(&shared->semaphore), 0);
    on_disk();
    CHECK_EQ(sem_post(&shared->semaphore), 0);
}
static void sem_end(void) { CHECK_EQ(sem_post(&shared->semaphore), 0); }
static void mutex_begin(void)
{
    shared_mutex(&shared->mutex, PTHREAD_MUTEX_STALLED);
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
}
static void mutex_wait(void)
{
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
    on_disk();
    CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
}
static void mutex_end(void) { CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0); }
static void cond_begin(void)
{
    shared_mutex(&shared->mutex, PTHREAD_MUTEX_STALLED);
    shared_cond(&shared->cond);
    shared->open = 0;
}
static void cond_wait(void)
{
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
    while (!shared->open)
        CHECK_EQ(pthread_cond_wait(&shared->cond, &shared->mutex), 0);
    on_disk();
    CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
}
static void cond_end(void)
{
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
    shared->open = 1;
    CHECK_EQ(pthread_cond_broadcast(&shared->cond), 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
}
static void barrier_begin(void) { shared_barrier(&shared->barrier, WAITERS + 1); }
static void barrier_wait(void)
{
    pthread_barrier_wait(&shared->barrier);
    on_disk();
}
static void barrier_end(void) { pthread_barrier_wait(&shared->barrier); }

/* One of each: begin sets the scene, all waiters wait, end lets the first go on. */
static const struct kind {
    const char *name;
    void (*begin)(void), (*wait)(void), (*end)(void), (*clean)(void);
} kinds[] = {
    {"flock", flock_begin, flock_wait, flock_end, NULL},
    {"F_OFD_SETLKW", ofd_begin, ofd_wait, flock_end, NULL},
    {"F_SETLKW", setlk_begin, setlk_wait, setlk_end, NULL},
    {"open of a FIFO", fifo_begin, fifo_wait, fifo_end, fifo_clean},
    {"semop", sysv_begin, semop_wait, semop_end, sysv_end},
    {"msgrcv", sysv_begin, msgrcv_wait, msgrcv_end, sysv_end},
    {"mq_receive", mq_begin, mq_wait, mq_end, mq_clean},
    {"mq_send", mq_full_begin, mq_full_wait, mq_full_end, mq_clean},
    {"sem_wait", sem_begin, sem_wait_one, sem_end, NULL},
    {"pthread_mutex_lock", mutex_begin, mutex_wait, mutex_end, NULL},
    {"pthread_cond_wait", cond_begin, cond_wait, cond_end, NULL},
    {"pthread_barrier_wait", barrier_begin, barrier_wait, barrier_end, NULL},
};

static void *waits(void *arg)
{
    const struct kind *kind = arg;
    atomic_fetch_add(&waiting, 1);
    kind->wait();
    atomic_fetch_add(&got, 1);
    return arg;
}

static void *releases(void *arg)
{
    const struct kind *kind = arg;
    on_disk();
    kind->end();
    return arg;
}

static void all_get_it(const struct kind *kind)
{
    pthread_t threads[WAITERS];
    atomic_store(&waiting, 0), atomic_store(&got, 0);
    kind->begin();
    for (int i = 0; i < WAITERS; i++)
        threads[i] = start(waits, (void *)kind);
    wait_for(&waiting, WAITERS);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&got), 0);
    join(start(releases, (void *)kind));
    for (int i = 0; i < WAITERS; i++)
        join(threads[i]);
    if (kind->clean)
        kind->clean();
    printf("%s\n", kind->name);
}

int main(void)
{
    file = mkstemp(path);
    CHECK(file >= 0);
    shared = shared_memory(sizeof *shared);
    mqd_t none = mq_open("/lichen-none", O_RDONLY);
    if (none == (mqd_t)-1 && errno == ENOSYS)
        LACKS("POSIX message queues");
    ticker_start();
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        all_get_it(&kinds[i]);
    ticker_end();
    CHECK_EQ(unlink(path), 0);
    return 0;
}
