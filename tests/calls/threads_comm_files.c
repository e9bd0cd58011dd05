/* The file `comm` of a thread, by all its names below /proc: it is read, read again and written as the kernel's is,
 * whichever thread does it, and what the first thread is called is handed on to threads that it makes later.
 */
#include "check.h"
#include <sys/prctl.h>
#include <sys/uio.h>

static atomic_int tid, stop;

static void *waits(void *name)
{
    CHECK_EQ(prctl(PR_SET_NAME, name), 0);
    atomic_store(&tid, (int)syscall(SYS_gettid));
    wait_for(&stop, 1);
    return NULL;
}

static const char *path_of(const char *form, long id)
{
    static char path[64];
    snprintf(path, sizeof path, form, id);
    return path;
}

static void says(const char *path, const char *wanted)
{
    char text[64] = "";
    int lowest = dup(0);
    close(lowest);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_EQ(fd, lowest);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    CHECK_EQ(read(fd, text, 2), 2);
    CHECK_EQ(read(fd, text + 2, sizeof text - 2), (long)strlen(wanted) - 1);
    CHECK_EQ(text[strlen(wanted)], '\n');
    text[strlen(wanted)] = 0;
    CHECK(strcmp(text, wanted) == 0);
    CHECK_EQ(read(fd, text, 8), 0);
    CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
    CHECK_EQ(read(fd, text, 1), 1);
    CHECK_EQ(text[0], wanted[1]);
    CHECK_ERRNO(write(fd, "x", 1), EBADF);
    close(fd);
}

static void is_written(pthread_t thread, const char *path)
{
    char name[16];
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_EQ(write(fd, "written", 7), 7);
    CHECK_EQ(pthread_getname_np(thread, name, sizeof name), 0);
    CHECK(strcmp(name, "written") == 0);
    CHECK_EQ(read(fd, name, 3), 3);
    CHECK(memcmp(name, "wri", 3) == 0);
    says(path, "written");
    CHECK_EQ(write(fd, "more than fifteen", 17), 17);
    says(path, "more than fifte");
    CHECK_ERRNO(pwrite(fd, "at an offset", 12, 0), ESPIPE);
    struct iovec parts[2] = {{"first", 5}, {"last\0hidden", 11}};
    CHECK_EQ(writev(fd, parts, 2), 16);
    says(path, "last");
    int other = dup(fd);
    close(fd);
    CHECK_EQ(write(other, "by a duplicate", 14), 14);
    says(path, "by a duplicate");
    CHECK_ERRNO(syscall(SYS_write, other, 8L, 4L), EFAULT);
    CHECK_EQ(write(other, "", 0), 0);
    CHECK_EQ(pthread_getname_np(thread, name, sizeof name), 0);
    CHECK_EQ(name[0], 0);
    close(other);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fprintf(file, "by stdio");
    fclose(file);
    says(path, "by stdio");
    CHECK_ERRNO(open(path, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open(path, O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_EQ(pthread_setname_np(thread, "by libc"), 0);
    says(path, "by libc");
}

static void *names_itself(void *arg)
{
    CHECK_EQ(prctl(PR_SET_NAME, "itself"), 0);
    says("/proc/thread-self/comm", "itself");
    CHECK_EQ(pthread_setname_np(*(pthread_t *)arg, "main by another"), 0);
    says("/proc/self/comm", "main by another");
    says("/proc/thread-self/comm", "itself");
    return NULL;
}

static void *inherits(void *wanted)
{
    char name[16];
    CHECK_EQ(prctl(PR_GET_NAME, name), 0);
    CHECK(strcmp(name, wanted) == 0);
    return NULL;
}

int main(void)
{
    pthread_t self = pthread_self(), thread = start(waits, "waiting");
    while (!atomic_load(&tid))
        sleep_ms(1);
    long id = atomic_load(&tid);
    says(path_of("/proc/self/task/%ld/comm", id), "waiting");
    is_written(thread, path_of("/proc/self/task/%ld/comm", id));
    is_written(thread, path_of("/proc/%ld/comm", id));
    char by_process[32];
    snprintf(by_process, sizeof by_process, "/proc/%d/task/%%ld/comm", getpid());
    is_written(thread, path_of(by_process, id));
    is_written(self, path_of(by_process, getpid()));
    is_written(self, "/proc/self/comm");
    CHECK_ERRNO(open(path_of("/proc/self/task/%ld/comm", 0x3fffffff), O_RDONLY), ENOENT);
    CHECK_ERRNO(open(path_of("/proc/1/task/%ld/comm", id), O_RDONLY), ENOENT);
    join(start(names_itself, &self));
    join(start(inherits, "main by another"));
    int fd = open("/proc/self/comm", O_WRONLY | O_TRUNC);
    CHECK_EQ(write(fd, "handed on", 9), 9);
    join(start(inherits, "handed on"));
    close(fd);
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(pthread_setname_np(thread, i % 2 ? "odd" : "even"), 0);
        says(path_of("/proc/self/task/%ld/comm", id), i % 2 ? "odd" : "even");
    }
    atomic_store(&stop, 1);
    join(thread);
    CHECK_ERRNO(open(path_of("/proc/self/task/%ld/comm", id), O_RDONLY), ENOENT);
    puts("each thread is called by its name");
    return 0;
}
