/* Names that are not there, as servers and interpreters look for by the hundred: the errors are Linux's, however the name goes
 * on, and whatever is asked of the file. tests/tests/kernel_calls.rs counts what they cost. */
#include "check.h"
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define TIMES 1000
static char folder[] = "/tmp/lichen-missing-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void fails(const char *name, int flags, int code)
{
    CHECK_ERRNO(open(in_folder(name), flags, 0600), code);
}

static void *looks(void *arg)
{
    static char longer[400], longest[300];
    int asked[] = {O_RDONLY, O_WRONLY, O_RDWR | O_APPEND, O_RDONLY | O_NOFOLLOW, O_RDONLY | O_CLOEXEC, O_WRONLY | O_TRUNC};
    (void)arg;
    memset(longest, 'x', sizeof longest - 1);
    strcpy(longer, "file/");
    memset(longer + 5, 'y', 250);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        fails("none", asked[i], ENOENT);
        fails("none/", asked[i], ENOENT);
        fails("none/none", asked[i], ENOENT);
        fails("file/none", asked[i], ENOTDIR);
        fails("file/none/none", asked[i], ENOTDIR);
        fails("file/", asked[i], ENOTDIR);
        fails("link/none", asked[i], ENOTDIR);
        fails("loop/none", asked[i], ELOOP);
        fails(longest, asked[i], ENAMETOOLONG);
        fails(longer, asked[i], ENOTDIR);
    }
    fails("none/none", O_WRONLY | O_CREAT, ENOENT);
    fails("file/none", O_WRONLY | O_CREAT, ENOTDIR);
    CHECK_ERRNO(open("", O_RDONLY), ENOENT);
    CHECK_ERRNO(open((char *)8, O_RDONLY), EFAULT);
    int at = open(folder, O_RDONLY | O_DIRECTORY);
    CHECK(at >= 0);
    CHECK_ERRNO(openat(at, "none", O_RDONLY), ENOENT);
    CHECK_ERRNO(openat(at, "file/none", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(openat(-1, "file/none", O_RDONLY), EBADF);
    /* Who asks for what is in memory only hears EAGAIN of a name behind a file. */
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_CACHED};
    CHECK_ERRNO(syscall(SYS_openat2, at, "file/none", &how, sizeof how), EAGAIN);
    CHECK_EQ(close(at), 0);
    for (int i = 0; i < TIMES; i++) {
        fails("none", O_RDONLY, ENOENT);
        fails("file/none", O_RDONLY, ENOTDIR);
    }
    return NULL;
}

int main(void)
{
    CHECK(mkdtemp(folder));
    int file = open(in_folder("file"), O_WRONLY | O_CREAT, 0600);
    CHECK(file >= 0);
    CHECK_EQ(close(file), 0);
    CHECK_EQ(symlink("file", in_folder("link")), 0);
    CHECK_EQ(symlink("loop", in_folder("loop")), 0);
    ticker_start();
    join(start(looks, NULL));
    ticker_end();
    CHECK_EQ(unlink(in_folder("file")), 0);
    CHECK_EQ(unlink(in_folder("link")), 0);
    CHECK_EQ(unlink(in_folder("loop")), 0);
    CHECK_EQ(rmdir(folder), 0);
    printf("done\n");
    return 0;
}
