/* A thread opens one end of a FIFO while other threads run, one of which opens the other end.
 * waits: open, openat, openat2, creat
 * greens
 */
#include "waiting.h"
#include <linux/openat2.h>
#include <sys/stat.h>

static char folder[] = "/tmp/lichen-waiting-XXXXXX", path[64];
static int other, flags_of_other;

static void open_other(void *arg)
{
    (void)arg;
    other = open(path, flags_of_other | O_CLOEXEC);
    CHECK(other >= 0);
}

static void both_ends(long fd, int can_read)
{
    char byte = 'a';
    CHECK(fd >= 0);
    CHECK_EQ(write(can_read ? other : (int)fd, &byte, 1), 1);
    CHECK_EQ(read(can_read ? (int)fd : other, &byte, 1), 1);
    CHECK_EQ(close((int)fd), 0);
    CHECK_EQ(close(other), 0);
}

int main(void)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/fifo", folder);
    CHECK_EQ(mkfifo(path, 0600), 0);
    waiting_begin();
    flags_of_other = O_WRONLY;
    both_ends(WAITS(syscall(SYS_open, path, O_RDONLY), open_other, NULL), 1);
    both_ends(WAITS(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY), open_other, NULL), 1);
    both_ends(WAITS(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how), open_other, NULL), 1);
    flags_of_other = O_RDONLY;
    both_ends(WAITS(syscall(SYS_creat, path, 0600), open_other, NULL), 0);
    both_ends(WAITS(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600), open_other, NULL), 0);
    waiting_end();
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(rmdir(folder), 0);
    printf("done\n");
    return 0;
}
