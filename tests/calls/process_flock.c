/* A thread that waits for flock(2) of another description holds up nobody; of several waiters one at a time gets it. */
#include "check.h"
#include <sys/file.h>

#define WAITERS 4
static char path[] = "/tmp/lichen-flock-XXXXXX";
static atomic_int waiting, got, inside;

static int again(void)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void *waits(void *arg)
{
    int fd = again();
    CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    atomic_fetch_add(&waiting, 1);
    CHECK_EQ(flock(fd, arg ? LOCK_SH : LOCK_EX), 0);
    if (!arg) {
        CHECK_EQ(atomic_fetch_add(&inside, 1), 0);
        sleep_ms(2);
        CHECK_EQ(atomic_fetch_sub(&inside, 1), 1);
    }
    atomic_fetch_add(&got, 1);
    CHECK_EQ(flock(fd, LOCK_UN), 0);
    CHECK_EQ(close(fd), 0);
    return NULL;
}

/* `count` threads wait for the lock that main has, and get it when main lets go. */
static void held_then_given(int count, void *shared)
{
    pthread_t threads[WAITERS];
    int fd = again();
    atomic_store(&waiting, 0), atomic_store(&got, 0);
    CHECK_EQ(flock(fd, LOCK_EX), 0);
    for (int i = 0; i < count; i++)
        threads[i] = start(waits, shared);
    wait_for(&waiting, count);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&got), 0);
    CHECK_EQ(flock(fd, LOCK_UN), 0);
    for (int i = 0; i < count; i++)
        join(threads[i]);
    CHECK_EQ(atomic_load(&got), count);
    CHECK_EQ(close(fd), 0);
}

int main(void)
{
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    ticker_start();
    held_then_given(1, NULL);
    held_then_given(WAITERS, NULL);
    held_then_given(WAITERS, path);
    ticker_end();
    CHECK_ERRNO(flock(fd, 77), EINVAL);
    CHECK_EQ(close(fd), 0);
    CHECK_ERRNO(flock(fd, LOCK_EX), EBADF);
    CHECK_EQ(unlink(path), 0);
    printf("done\n");
    return 0;
}
