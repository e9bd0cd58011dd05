/* Opening a FIFO: which flags wait and which do not, by its own name, a link to it, a descriptor of it; a signal ends the
 * wait or begins it again, a cancellation ends it; and another thread runs meanwhile.
 */
#include "handled.h"
#include <linux/openat2.h>
#include <sys/stat.h>

static char folder[] = "/tmp/lichen-fifo-XXXXXX";
static char fifo[64], linked[64], loop[64];
static atomic_int waiting, came;
static pthread_t waiter;

static void *reads(void *arg)
{
    atomic_store(&waiting, 1);
    int fd = open(arg, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        char byte;
        CHECK_EQ(read(fd, &byte, 1), 1);
        CHECK_EQ(byte, 'x');
        CHECK_EQ(read(fd, &byte, 1), 0);
        CHECK_EQ(close(fd), 0);
    } else {
        CHECK_EQ(errno, EINTR);
    }
    atomic_store(&came, fd >= 0 ? 1 : 2);
    return arg;
}

/* A thread that waits in open. */
static void begin(char *name)
{
    atomic_store(&waiting, 0), atomic_store(&came, 0);
    waiter = start(reads, name);
    wait_for(&waiting, 1);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&came), 0);
}

static void meet(int flags)
{
    int fd = open(fifo, flags | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), flags & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(close(fd), 0);
    join(waiter);
    CHECK_EQ(atomic_load(&came), 1);
}

static void that_do_not_wait(void)
{
    int reading, writing, both, place;
    CHECK_ERRNO(open(fifo, O_WRONLY | O_NONBLOCK), ENXIO);
    CHECK_ERRNO(open(fifo, O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open(fifo, O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open(linked, O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERRNO(open(loop, O_RDONLY), ELOOP);
    reading = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(reading >= 0);
    CHECK_EQ(fcntl(reading, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    writing = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(writing >= 0);
    CHECK_EQ(close(reading), 0);
    CHECK_EQ(close(writing), 0);
    both = open(fifo, O_RDWR | O_CLOEXEC);
    CHECK(both >= 0);
    CHECK_EQ(fcntl(both, F_GETFL) & O_NONBLOCK, 0);
    writing = open(linked, O_WRONLY | O_CLOEXEC);
    reading = open(fifo, O_RDONLY | O_CLOEXEC);
    CHECK(writing >= 0 && reading >= 0);
    CHECK_EQ(close(reading), 0);
    CHECK_EQ(close(writing), 0);
    CHECK_EQ(close(both), 0);
    place = open(fifo, O_PATH | O_CLOEXEC);
    CHECK(place >= 0);
    CHECK_EQ(close(place), 0);
}

static void by_a_descriptor(void)
{
    char name[64];
    int place = open(fifo, O_PATH | O_CLOEXEC);
    CHECK(place >= 0);
    snprintf(name, sizeof name, "/dev/fd/%d", place);
    begin(name);
    meet(O_WRONLY | O_APPEND);
    snprintf(name, sizeof name, "/proc/self/fd/%d", place);
    CHECK_ERRNO(open(name, O_WRONLY | O_NONBLOCK), ENXIO);
    CHECK_EQ(close(place), 0);
}

static void within_a_folder(void)
{
    struct open_how how = {.flags = O_WRONLY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    struct open_how bad = {.flags = O_WRONLY | O_CLOEXEC | 1ULL << 40};
    int at = open(folder, O_PATH | O_CLOEXEC);
    CHECK(at >= 0);
    CHECK_ERRNO(syscall(SYS_openat2, at, "link", &how, sizeof how), ELOOP);
    CHECK_ERRNO(syscall(SYS_openat2, at, "fifo", &bad, sizeof bad), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, at, "fifo", &how, 8L), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, at, "fifo", 8L, sizeof how), EFAULT);
    begin(linked);
    int fd = (int)syscall(SYS_openat2, at, "fifo", &how, sizeof how);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(close(fd), 0);
    join(waiter);
    CHECK_EQ(close(at), 0);
}

static void until_a_signal(int flags)
{
    count_signals(SIGUSR1, flags);
    atomic_store(&handled, 0);
    begin(fifo);
    if (!flags) {
        interrupt_to_end(waiter);
        CHECK_EQ(atomic_load(&came), 2);
        return;
    }
    CHECK_EQ(pthread_kill(waiter, SIGUSR1), 0);
    wait_for(&handled, 1);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&came), 0);
    meet(O_WRONLY);
}

static void until_cancelled(void)
{
    void *value;
    begin(fifo);
    CHECK_EQ(pthread_cancel(waiter), 0);
    CHECK_EQ(pthread_join(waiter, &value), 0);
    CHECK(value == PTHREAD_CANCELED);
    CHECK_ERRNO(open(fifo, O_WRONLY | O_NONBLOCK), ENXIO);
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    snprintf(linked, sizeof linked, "%s/link", folder);
    snprintf(loop, sizeof loop, "%s/loop", folder);
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    CHECK_EQ(symlink("fifo", linked), 0);
    CHECK_EQ(symlink("loop", loop), 0);
    ticker_start();
    that_do_not_wait();
    begin(fifo);
    meet(O_WRONLY);
    begin(linked);
    meet(O_WRONLY | O_CREAT | O_TRUNC);
    begin(fifo);
    meet(O_RDWR | O_NONBLOCK);
    by_a_descriptor();
    within_a_folder();
    until_a_signal(0);
    until_a_signal(SA_RESTART);
    until_cancelled();
    that_do_not_wait();
    ticker_end();
    CHECK_EQ(unlink(fifo), 0);
    CHECK_EQ(unlink(linked), 0);
    CHECK_EQ(unlink(loop), 0);
    CHECK_EQ(rmdir(folder), 0);
    printf("done\n");
    return 0;
}
