/* Threads that wait for record locks, of another process (F_SETLKW) or of another description (F_OFD_SETLKW), hold up
 * nobody, and get them in the end; a signal ends the wait.
 */
#define _GNU_SOURCE
#include "handled.h"
#include <fcntl.h>

#define WAITERS 4
static char path[] = "/tmp/lichen-record-XXXXXX";
static atomic_int waiting, got;

static int lock(int fd, int command, short type)
{
    struct flock record = {.l_type = type, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
    return fcntl(fd, command, &record);
}

static int again(void)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void *waits(void *arg)
{
    int own = arg != NULL, fd = again();
    CHECK_ERRNO(lock(fd, own ? F_OFD_SETLK : F_SETLK, F_WRLCK), EAGAIN);
    atomic_fetch_add(&waiting, 1);
    CHECK_EQ(lock(fd, own ? F_OFD_SETLKW : F_SETLKW, F_WRLCK), 0);
    atomic_fetch_add(&got, 1);
    if (own)
        CHECK_EQ(lock(fd, F_OFD_SETLK, F_UNLCK), 0);
    return NULL; /* the descriptor stays open: closing any would drop the process's lock */
}

static void wait_for_all(void *own, pthread_t *threads)
{
    atomic_store(&waiting, 0), atomic_store(&got, 0);
    for (int i = 0; i < WAITERS; i++)
        threads[i] = start(waits, own);
    wait_for(&waiting, WAITERS);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&got), 0);
}

static void of_another_process(void)
{
    pthread_t threads[WAITERS];
    int ready[2], go[2];
    char byte;
    CHECK_EQ(pipe(ready), 0);
    CHECK_EQ(pipe(go), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int fd = again();
        CHECK_EQ(lock(fd, F_SETLK, F_WRLCK), 0);
        CHECK_EQ(write(ready[1], "x", 1), 1);
        CHECK_EQ(read(go[0], &byte, 1), 1);
        _exit(0);
    }
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    wait_for_all(NULL, threads);
    CHECK_EQ(write(go[1], "x", 1), 1);
    CHECK_CHILD(child, 0);
    for (int i = 0; i < WAITERS; i++)
        join(threads[i]);
    int fd = again();
    CHECK_EQ(lock(fd, F_SETLK, F_UNLCK), 0);
    CHECK_EQ(close(fd), 0);
}

static void of_another_description(void)
{
    pthread_t threads[WAITERS];
    int fd = again();
    CHECK_EQ(lock(fd, F_OFD_SETLK, F_WRLCK), 0);
    wait_for_all(path, threads);
    CHECK_EQ(lock(fd, F_OFD_SETLK, F_UNLCK), 0);
    for (int i = 0; i < WAITERS; i++)
        join(threads[i]);
    CHECK_EQ(close(fd), 0);
}

static void *is_interrupted(void *arg)
{
    int fd = again();
    atomic_store(&waiting, 1);
    CHECK_ERRNO(lock(fd, F_OFD_SETLKW, F_WRLCK), EINTR);
    CHECK_EQ(close(fd), 0);
    return arg;
}

static void until_a_signal(void)
{
    count_signals(SIGUSR1, 0);
    int fd = again();
    CHECK_EQ(lock(fd, F_OFD_SETLK, F_WRLCK), 0);
    atomic_store(&waiting, 0);
    pthread_t thread = start(is_interrupted, NULL);
    wait_for(&waiting, 1);
    interrupt_to_end(thread);
    CHECK_EQ(close(fd), 0);
}

int main(void)
{
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    ticker_start();
    of_another_process();
    of_another_description();
    until_a_signal();
    ticker_end();
    CHECK_EQ(unlink(path), 0);
    printf("done\n");
    return 0;
}
