/* Regular files, /dev/null, /proc and directories work as ever in threads; offsets and appends are right. */
#include "check.h"
#include <sys/stat.h>

static int file;

static void *writes(void *arg)
{
    char line[32];
    for (int i = 0; i < 50; i++) {
        int size = snprintf(line, sizeof line, "%02ld %02d\n", (long)arg, i);
        CHECK_EQ(write(file, line, (size_t)size), size);
        CHECK_EQ(fsync(file), 0);
    }
    return NULL;
}

static void *others(void *arg)
{
    char text[4096];
    (void)arg;
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY), proc = open("/proc/self/stat", O_RDONLY);
    CHECK_EQ(read(null, text, 10), 0);
    CHECK_EQ(write(null, text, 10), 10);
    CHECK_EQ(read(zero, text, 10), 10);
    CHECK(read(proc, text, sizeof text) > 10);
    int dir = open("/proc", O_RDONLY | O_DIRECTORY);
    CHECK_ERRNO(read(dir, text, 10), EISDIR);
    close(null), close(zero), close(proc), close(dir);
    return NULL;
}

int main(void)
{
    char name[] = "/tmp/lichen-file-XXXXXX";
    pthread_t threads[6];
    int made = mkstemp(name);
    CHECK(made >= 0);
    file = open(name, O_WRONLY | O_APPEND);
    for (long i = 0; i < 5; i++)
        threads[i] = start(writes, (void *)i);
    threads[5] = start(others, NULL);
    for (int i = 0; i < 6; i++)
        join(threads[i]);
    struct stat about;
    CHECK_EQ(fstat(made, &about), 0);
    char word[7];
    CHECK_EQ(pread(made, word, 6, 6 * 100), 6);
    CHECK_EQ(lseek(made, 0, SEEK_CUR), 0);
    printf("size %ld\n", (long)about.st_size);
    CHECK_EQ(unlink(name), 0);
    return 0;
}
