/* Opening, making and cutting off files in a process with threads: results, errors, flags and numbers are those of plain
 * Linux. Many threads that make files need few kernel threads.
 * greens
 */
#include "check.h"
#include <linux/openat2.h>
#include <sys/stat.h>

#define THREADS 24
static char folder[] = "/tmp/lichen-open-XXXXXX", file[64], made[64];

static int size_of_file(const char *path)
{
    struct stat status;
    CHECK_EQ(stat(path, &status), 0);
    return (int)status.st_size;
}

static void errors(void)
{
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    CHECK_ERRNO(open("/nowhere/at/all", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("/nowhere/at/all", O_WRONLY | O_CREAT, 0600), ENOENT);
    CHECK_ERRNO(open("", O_RDONLY), ENOENT);
    CHECK_ERRNO(open((char *)8, O_RDONLY), EFAULT);
    CHECK_ERRNO(open((char *)8, O_RDWR | O_CREAT, 0600), EFAULT);
    CHECK_ERRNO(open(file, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open(folder, O_WRONLY), EISDIR);
    CHECK_ERRNO(open(folder, O_RDONLY | O_CREAT, 0600), EISDIR);
    CHECK_ERRNO(open(file, O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open(longest, O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(open(file, O_RDONLY | O_TMPFILE), EINVAL);
    CHECK_ERRNO(openat(-1, "name", O_RDONLY), EBADF);
    CHECK_ERRNO(openat(-1, "name", O_RDONLY | O_NONBLOCK), EBADF);
    CHECK_ERRNO(creat(folder, 0600), EISDIR);
    CHECK_ERRNO(open("/dev/fd/-1", O_RDONLY), ENOENT);
}

static void flags_of(int flags, int wanted)
{
    int fd = open(file, flags, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFL), wanted);
    CHECK_EQ(fcntl(fd, F_GETFD), flags & O_CLOEXEC ? FD_CLOEXEC : 0);
    CHECK_EQ(close(fd), 0);
}

/* O_LARGEFILE as the kernel shows it; with openat2 it depends on the kernel. */
#define LARGE 0100000

static void flags(void)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK};
    int all = O_RDWR | O_APPEND | O_NONBLOCK | O_SYNC;
    flags_of(O_RDONLY, O_RDONLY | LARGE);
    flags_of(O_RDONLY | O_NONBLOCK | O_CLOEXEC, O_RDONLY | O_NONBLOCK | LARGE);
    flags_of(all, all | LARGE);
    flags_of(O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, O_WRONLY | LARGE);
    flags_of(O_PATH | O_CLOEXEC, O_PATH);
    flags_of(O_RDWR | O_NONBLOCK | 1 << 30, O_RDWR | O_NONBLOCK | LARGE);
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & ~LARGE, O_RDONLY | O_NONBLOCK);
    CHECK_EQ(close(fd), 0);
    how.mode = 0600;
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how), EINVAL);
    how = (struct open_how){.flags = O_RDONLY | O_NONBLOCK | O_PATH};
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how), EINVAL);
}

static void numbers_and_contents(void)
{
    int low = dup(0), same;
    CHECK(low >= 0);
    CHECK_EQ(close(low), 0);
    same = open(file, O_RDONLY | O_CLOEXEC);
    CHECK_EQ(same, low);
    CHECK_EQ(close(same), 0);
    int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(fd, low);
    CHECK_EQ(write(fd, "hello", 5), 5);
    CHECK_EQ(close(fd), 0);
    fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0600);
    CHECK_EQ(write(fd, "!", 1), 1);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(size_of_file(file), 6);
    CHECK_EQ(close(creat(file, 0600)), 0);
    CHECK_EQ(size_of_file(file), 0);
    fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    CHECK(fd >= 0 || errno == EOPNOTSUPP);
    if (fd >= 0)
        CHECK_EQ(close(fd), 0);
    DIR *dir = opendir(folder);
    CHECK(dir != NULL && dirfd(dir) == low);
    CHECK_EQ(closedir(dir), 0);
    fd = open("/dev/null", O_RDWR);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(close(fd), 0);
    mode_t mask = umask(027);
    fd = open(made, O_RDWR | O_CREAT | O_EXCL, 0666);
    struct stat status;
    CHECK_EQ(fstat(fd, &status), 0);
    CHECK_EQ(status.st_mode & 0777, 0640);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(unlink(made), 0);
    umask(mask);
}

/* A name that the kernel cannot look up in memory alone. */
static void by_a_descriptor(void)
{
    char name[64];
    int fd = open(file, O_RDWR | O_CLOEXEC), again;
    CHECK(fd >= 0);
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    again = open(name, O_RDWR | O_APPEND);
    CHECK(again > fd);
    CHECK_EQ(write(again, "again", 5), 5);
    CHECK_EQ(close(again), 0);
    again = open(name, O_RDONLY | O_NONBLOCK);
    CHECK(again > fd);
    CHECK_EQ(close(again), 0);
    CHECK_ERRNO(open(name, O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_EQ(size_of_file(file), 5);
    CHECK_EQ(close(fd), 0);
}

static void *makes_many(void *arg)
{
    char name[128];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "%s/%d.%d", folder, (int)(intptr_t)arg, i);
        int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, name, sizeof name), sizeof name);
        CHECK_EQ(close(fd), 0);
        fd = open(name, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        char read_back[sizeof name];
        CHECK_EQ(read(fd, read_back, sizeof read_back), sizeof read_back);
        CHECK_EQ(memcmp(name, read_back, sizeof name), 0);
        CHECK_EQ(close(fd), 0);
        CHECK_EQ(unlink(name), 0);
    }
    return arg;
}

static void no_descriptor_left(void)
{
    struct rlimit limit, none;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int low = dup(0);
    CHECK_EQ(close(low), 0);
    none = limit;
    none.rlim_cur = (rlim_t)low;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_ERRNO(open(file, O_RDONLY), EMFILE);
    CHECK_ERRNO(open(file, O_RDONLY | O_NONBLOCK), EMFILE);
    CHECK_ERRNO(open(file, O_RDWR | O_TRUNC), EMFILE);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(made, sizeof made, "%s/made", folder);
    CHECK_EQ(close(creat(file, 0600)), 0);
    ticker_start();
    errors();
    flags();
    numbers_and_contents();
    by_a_descriptor();
    no_descriptor_left();
    for (intptr_t i = 0; i < THREADS; i++)
        threads[i] = start(makes_many, (void *)i);
    CHECK_GREENS();
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    ticker_end();
    CHECK_EQ(unlink(file), 0);
    CHECK_EQ(rmdir(folder), 0);
    printf("done\n");
    return 0;
}
