/* Reads and writes of files by the pool: positions, short results, the ends of files, appending, errors and the signal of
 * a file that grows too large are those of plain Linux; calls of several threads on one description do not mix; other
 * threads run while one waits for the disk.
 * env: LICHEN_FILE_IO=offload
 * env: LICHEN_WITHOUT=slices
 * env: LICHEN_POOL=1
 * caps: no
 * greens
 * timeout: 60
 */
#include "disk.h"
#include <sys/uio.h>

#define THREADS 8
#define RECORDS 200
#define RECORD 96
#define LARGE (1 << 20)
static char path[] = "/tmp/lichen-fileio-XXXXXX";
static char *bytes;
static int file;
static void *volatile nowhere = (void *)8;
static volatile int below = -1;
static atomic_int signalled;
static pthread_t signalled_in;

static void fill(void)
{
    for (int i = 0; i < LARGE; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    CHECK_EQ(pwrite(file, bytes, LARGE, 0), LARGE);
}

static int out_of_memory(int fd)
{
    CHECK_EQ(fsync(fd), 0);
    return posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int reads_cold(int fd)
{
    char *copy = malloc(LARGE);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(read(fd, copy, LARGE), LARGE);
    CHECK_EQ(memcmp(copy, bytes, LARGE), 0);
    free(copy);
    return 0;
}

static int writes(int fd) { return pwrite(fd, bytes, LARGE, 0) == LARGE ? 0 : -1; }

/* Reading what is not in memory; being thrown out of memory is only a wish, so several times. */
static int cold(int fd)
{
    long before;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(out_of_memory(fd), 0);
        before = atomic_load(&disk_turns);
        reads_cold(fd);
        if (atomic_load(&disk_turns) != before)
            return 0;
    }
    return 1;
}

static void positions(void)
{
    char text[64];
    struct iovec parts[2] = {{text, 4}, {text + 10, 6}}, none = {text, 0}, too_far[1] = {{text, (size_t)-1}};
    out_of_memory(file);
    CHECK_EQ(lseek(file, 1000, SEEK_SET), 1000);
    CHECK_EQ(read(file, text, 10), 10);
    CHECK_EQ(memcmp(text, bytes + 1000, 10), 0);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 1010);
    CHECK_EQ(readv(file, parts, 2), 10);
    CHECK_EQ(memcmp(text, bytes + 1010, 4), 0);
    CHECK_EQ(memcmp(text + 10, bytes + 1014, 6), 0);
    CHECK_EQ(pread(file, text, 5, 70000), 5);
    CHECK_EQ(memcmp(text, bytes + 70000, 5), 0);
    CHECK_EQ(preadv(file, parts, 2, 5), 10);
    CHECK_EQ(memcmp(text, bytes + 5, 4), 0);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 1020);
    CHECK_EQ(write(file, bytes + 1020, 3), 3);
    CHECK_EQ(writev(file, (struct iovec[]){{bytes + 1023, 1}, {bytes + 1024, 2}}, 2), 3);
    CHECK_EQ(pwritev(file, (struct iovec[]){{bytes, 4}, {bytes + 4, 2}}, 2, 0), 6);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 1026);
    /* the end */
    CHECK_EQ(lseek(file, LARGE - 6, SEEK_SET), LARGE - 6);
    CHECK_EQ(read(file, text, 64), 6);
    CHECK_EQ(read(file, text, 64), 0);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), LARGE);
    CHECK_EQ(pread(file, text, 64, LARGE - 1), 1);
    CHECK_EQ(pread(file, text, 64, LARGE), 0);
    CHECK_EQ(pread(file, text, 64, 2 * LARGE), 0);
    CHECK_EQ(preadv(file, parts, 2, LARGE - 5), 5);
    CHECK_EQ(read(file, text, 0), 0);
    CHECK_EQ(readv(file, &none, 1), 0);
    CHECK_EQ(write(file, text, 0), 0);
    CHECK_ERRNO(readv(file, too_far, 1), EINVAL);
    CHECK_ERRNO(readv(file, parts, below), EINVAL);
    CHECK_ERRNO(pread(file, text, 4, -1), EINVAL);
    CHECK_ERRNO(pwrite(file, text, 4, -5), EINVAL);
}

static void errors(void)
{
    char text[8];
    int ends[2], reading = open(path, O_RDONLY | O_CLOEXEC), writing = open(path, O_WRONLY | O_CLOEXEC);
    int folder = open("/tmp", O_RDONLY | O_CLOEXEC), full = open("/dev/full", O_RDWR | O_CLOEXEC);
    CHECK(reading >= 0 && writing >= 0 && folder >= 0 && full >= 0);
    CHECK_ERRNO(write(reading, text, 8), EBADF);
    CHECK_ERRNO(read(writing, text, 8), EBADF);
    CHECK_ERRNO(pread(writing, text, 8, 0), EBADF);
    CHECK_ERRNO(read(-1, text, 8), EBADF);
    CHECK_ERRNO(pwrite(-1, text, 8, 0), EBADF);
    CHECK_ERRNO(read(folder, text, 8), EISDIR);
    CHECK_ERRNO(write(full, text, 8), ENOSPC);
    CHECK_EQ(read(full, text, 8), 8);
    CHECK_ERRNO(read(reading, nowhere, 8), EFAULT);
    CHECK_ERRNO(pwrite(writing, nowhere, 8, 0), EFAULT);
    CHECK_ERRNO(readv(reading, nowhere, 2), EFAULT);
    CHECK_EQ(lseek(reading, 0, SEEK_CUR), 0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_ERRNO(pread(ends[0], text, 8, 0), ESPIPE);
    CHECK_EQ(write(ends[1], text, 8), 8);
    CHECK_EQ(read(ends[0], text, 8), 8);
    for (size_t i = 0; i < 2; i++)
        CHECK_EQ(close(ends[i]), 0);
    CHECK_EQ(close(reading), 0);
    CHECK_EQ(close(writing), 0);
    CHECK_EQ(close(folder), 0);
    CHECK_EQ(close(full), 0);
}

static void handle(int number)
{
    (void)number;
    signalled_in = pthread_self();
    atomic_fetch_add(&signalled, 1);
}

/* The signal is for the thread that writes. */
static void too_large(void)
{
    struct sigaction action = {.sa_handler = handle};
    struct rlimit limit, small;
    CHECK_EQ(sigaction(SIGXFSZ, &action, NULL), 0);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = LARGE + 10;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    CHECK_EQ(pwrite(file, bytes, 100, LARGE), 10);
    CHECK_EQ(atomic_load(&signalled), 0);
    CHECK_ERRNO(pwrite(file, bytes, 100, LARGE + 10), EFBIG);
    CHECK_EQ(atomic_load(&signalled), 1);
    CHECK(pthread_equal(signalled_in, pthread_self()));
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQ(ftruncate(file, LARGE), 0);
}

/* Records of several threads by one description: each whole, none lost. */
static int shared_end;
static atomic_int at_work;

static void *appends(void *arg)
{
    char record[RECORD];
    memset(record, 'A' + (int)(intptr_t)arg, RECORD);
    atomic_fetch_add(&at_work, 1);
    for (int i = 0; i < RECORDS; i++) {
        struct iovec halves[2] = {{record, RECORD / 2}, {record + RECORD / 2, RECORD / 2}};
        CHECK_EQ(i % 2 ? write(shared_end, record, RECORD) : writev(shared_end, halves, 2), RECORD);
    }
    return arg;
}

static atomic_int seen[THREADS];

static void *takes(void *arg)
{
    char record[RECORD];
    for (ssize_t got; (got = read(shared_end, record, RECORD)) != 0;) {
        CHECK_EQ(got, RECORD);
        for (int i = 1; i < RECORD; i++)
            CHECK_EQ(record[i], record[0]);
        CHECK(record[0] >= 'A' && record[0] < 'A' + THREADS);
        atomic_fetch_add(&seen[record[0] - 'A'], 1);
    }
    return arg;
}

static void in_threads(void *(*function)(void *), int look)
{
    pthread_t threads[THREADS];
    atomic_store(&at_work, 0);
    for (intptr_t i = 0; i < THREADS; i++)
        threads[i] = start(function, (void *)i);
    if (look)
        CHECK_GREENS();
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
}

static void together(int flags)
{
    char name[80];
    snprintf(name, sizeof name, "%s.shared", path);
    shared_end = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600);
    CHECK(shared_end >= 0);
    in_threads(appends, 1);
    CHECK_EQ(lseek(shared_end, 0, SEEK_END), THREADS * RECORDS * RECORD);
    out_of_memory(shared_end);
    CHECK_EQ(lseek(shared_end, 0, SEEK_SET), 0);
    for (int i = 0; i < THREADS; i++)
        atomic_store(&seen[i], 0);
    in_threads(takes, 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(atomic_load(&seen[i]), RECORDS);
    CHECK_EQ(close(shared_end), 0);
    CHECK_EQ(unlink(name), 0);
}

static void directly(void)
{
    void *page;
    int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        return; /* not on this file system */
    CHECK_EQ(posix_memalign(&page, 4096, 4096), 0);
    CHECK_EQ(pread(fd, page, 4096, 8192), 4096);
    CHECK_EQ(memcmp(page, bytes + 8192, 4096), 0);
    CHECK_EQ(pwrite(fd, page, 4096, 8192), 4096);
    CHECK_EQ(read(fd, page, 4096), 4096);
    CHECK_EQ(memcmp(page, bytes, 4096), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4096);
    free(page);
    CHECK_EQ(close(fd), 0);
}

int main(void)
{
    bytes = malloc(LARGE);
    file = mkstemp(path);
    CHECK(bytes != NULL && file >= 0);
    disk_begin();
    fill();
    others_run_during(writes, file, 2000);
    others_run_during(cold, file, 1);
    positions();
    errors();
    too_large();
    together(0);
    together(O_APPEND);
    directly();
    disk_end();
    CHECK_EQ(unlink(path), 0);
    printf("done\n");
    return 0;
}
