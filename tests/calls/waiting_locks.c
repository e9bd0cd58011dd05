/* A thread waits for a file lock that somebody else has while other threads run.
 * waits: flock, fcntl
 * greens
 */
#include "waiting.h"
#include <sys/file.h>

static char path[] = "/tmp/lichen-waiting-XXXXXX";
static int other; /* another description of the file, which has the lock first */

static struct flock lock_of(short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    return lock;
}

static void let_go(void *arg)
{
    (void)arg;
    struct flock lock = lock_of(F_UNLCK);
    CHECK_EQ(flock(other, LOCK_UN), 0);
    CHECK_EQ(fcntl(other, F_OFD_SETLK, &lock), 0);
}

/* Record locks belong to a process, so a child has it first. */
static pid_t child;
static int told[2], gate[2];

static void child_with_lock(void)
{
    char byte;
    CHECK_EQ(pipe(told), 0);
    CHECK_EQ(pipe(gate), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct flock lock = lock_of(F_WRLCK);
        int ok = fcntl(other, F_SETLK, &lock) == 0 && write(told[1], "x", 1) == 1;
        _exit(ok && read(gate[0], &byte, 1) == 1 ? 0 : 1);
    }
    CHECK_EQ(read(told[0], &byte, 1), 1);
}

static void end_child(void *arg)
{
    (void)arg;
    CHECK_EQ(write(gate[1], "x", 1), 1);
}

int main(void)
{
    struct flock lock = lock_of(F_WRLCK);
    int fd = mkstemp(path);
    other = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && other >= 0);
    waiting_begin();

    CHECK_EQ(flock(other, LOCK_EX), 0);
    CHECK_EQ(WAITS(syscall(SYS_flock, fd, LOCK_EX), let_go, NULL), 0);
    CHECK_ERRNO(flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_EQ(flock(fd, LOCK_UN), 0);

    CHECK_EQ(fcntl(other, F_OFD_SETLK, &lock), 0);
    CHECK_EQ(WAITS(syscall(SYS_fcntl, fd, F_OFD_SETLKW, &lock), let_go, NULL), 0);
    CHECK_ERRNO(fcntl(other, F_OFD_SETLK, &lock), EAGAIN);
    lock.l_type = F_UNLCK;
    CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);

    child_with_lock();
    lock.l_type = F_WRLCK;
    CHECK_EQ(WAITS(syscall(SYS_fcntl, fd, F_SETLKW, &lock), end_child, NULL), 0);
    CHECK_CHILD(child, 0);
    waiting_end();
    CHECK_EQ(unlink(path), 0);
    printf("done\n");
    return 0;
}
