/* fsync, fdatasync, sync_file_range, syncfs, sync, msync, fallocate and the making of files: results, errors, and another
 * thread runs while one waits for the disk. Many threads that wait so need few kernel threads.
 * waits: fsync, fdatasync, sync_file_range, syncfs, sync, msync, fallocate
 * greens
 * env: LICHEN_WITHOUT=slices
 * env: LICHEN_POOL=1
 * caps: no
 * timeout: 60
 */
#include "disk.h"
#include <sys/mman.h>
#include <sys/stat.h>

#define THREADS 40
#define PAGE 4096
#define TRIES 2000
static char path[] = "/tmp/lichen-syncs-XXXXXX";
static char *mapped;
static int file, pipes[2];

static int by_fsync(int fd) { return fsync(fd); }
static int by_fdatasync(int fd) { return fdatasync(fd); }
static int by_syncfs(int fd) { return syncfs(fd); }
static int by_fallocate(int fd) { return fallocate(fd, 0, 0, 2 * PAGE); }
static int by_range(int fd)
{
    return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}
static int by_sync(int fd)
{
    (void)fd;
    sync();
    return 0;
}
static int by_making(int fd)
{
    char name[80];
    snprintf(name, sizeof name, "%s.made", path);
    int made = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    CHECK(made >= 0 && made != fd);
    CHECK_EQ(close(made), 0);
    return unlink(name);
}
static int by_msync(int fd)
{
    (void)fd;
    return msync(mapped, PAGE, MS_SYNC);
}

/* The caches of a whole machine are not written out a thousand times. */
static const struct call {
    int (*make)(int fd);
    int tries;
} calls[] = {{by_fsync, TRIES},  {by_fdatasync, TRIES}, {by_range, TRIES}, {by_msync, TRIES},
             {by_fallocate, TRIES}, {by_making, TRIES}, {by_syncfs, 200},       {by_sync, 200}};

static void each(const struct call *call)
{
    mapped[0]++;
    CHECK_EQ(pwrite(file, call, sizeof call, 0), sizeof call);
    others_run_during(call->make, file, call->tries);
}

static void errors(void)
{
    CHECK_ERRNO(fsync(-1), EBADF);
    CHECK_ERRNO(fdatasync(9999), EBADF);
    CHECK_ERRNO(syncfs(-1), EBADF);
    CHECK_ERRNO(fsync(pipes[0]), EINVAL);
    CHECK_ERRNO(fdatasync(pipes[1]), EINVAL);
    CHECK_ERRNO(sync_file_range(pipes[0], 0, 0, SYNC_FILE_RANGE_WRITE), ESPIPE);
    CHECK_ERRNO(sync_file_range(file, 0, 0, 77), EINVAL);
    CHECK_ERRNO(fallocate(file, 0, 0, 0), EINVAL);
    CHECK_ERRNO(fallocate(pipes[1], 0, 0, 1), ESPIPE);
    CHECK_ERRNO(msync(mapped + 1, PAGE, MS_SYNC), EINVAL);
    CHECK_ERRNO(msync((char *)(1L << 40), PAGE, MS_SYNC), ENOMEM);
    CHECK_ERRNO(msync(mapped, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_EQ(msync(mapped, PAGE, MS_ASYNC), 0);
    int reads = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_ERRNO(fallocate(reads, 0, 0, PAGE), EBADF);
    CHECK_EQ(fsync(reads), 0);
    CHECK_EQ(close(reads), 0);
}

static atomic_int at_work;

static void *syncs(void *arg)
{
    char name[] = "/tmp/lichen-syncs-XXXXXX";
    int own = mkstemp(name);
    CHECK(own >= 0);
    CHECK_EQ(unlink(name), 0);
    atomic_fetch_add(&at_work, 1);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(write(own, name, sizeof name), sizeof name);
        CHECK_EQ(fsync(own), 0);
    }
    CHECK_EQ(lseek(own, 0, SEEK_END), 20 * sizeof name);
    CHECK_EQ(close(own), 0);
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(pipe(pipes), 0);
    file = mkstemp(path);
    CHECK(file >= 0);
    CHECK_EQ(ftruncate(file, PAGE), 0);
    mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(mapped != MAP_FAILED);
    CHECK_EQ(fsync(file), 0); /* before the first thread */
    disk_begin();
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        each(&calls[i]);
    struct stat status;
    CHECK_EQ(fstat(file, &status), 0);
    CHECK_EQ(status.st_size, 2 * PAGE);
    errors();
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(syncs, NULL);
    wait_for(&at_work, THREADS);
    CHECK_GREENS();
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    disk_end();
    CHECK_EQ(unlink(path), 0);
    printf("done\n");
    return 0;
}
