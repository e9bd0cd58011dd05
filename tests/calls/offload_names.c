/* What makes, changes and takes away names and lengths of files, by each of its system calls: results and errors, and another
 * thread runs while one waits for the disk.
 * waits: rename, renameat, renameat2, unlink, unlinkat, rmdir, mkdir, mkdirat
 * waits: mknod, mknodat, link, linkat, symlink, symlinkat, truncate, ftruncate
 * greens
 * env: LICHEN_WITHOUT=slices
 * env: LICHEN_POOL=1
 * caps: no
 * timeout: 60
 */
#include "disk.h"
#include <sys/stat.h>
#include <sys/syscall.h>

#define TRIES 2000
static char folder[] = "/tmp/lichen-names-XXXXXX";
static int at, file;

/* Each call is made by its number, in the present folder; the second of two undoes what the first did. */
#define CALL(name, call)                                                                                              \
    static int name(int at)                                                                                             \
    {                                                                                                                 \
        (void)at;                                                                                                     \
        return (int)(call);                                                                                           \
    }
CALL(rename_there, syscall(SYS_rename, "a", "b"))
CALL(rename_back, syscall(SYS_renameat, at, "b", at, "a"))
CALL(rename_again, syscall(SYS_renameat2, at, "a", at, "b", RENAME_NOREPLACE))
CALL(make_link, syscall(SYS_link, "a", "c"))
CALL(make_link_at, syscall(SYS_linkat, at, "a", at, "c", 0))
CALL(remove_name, syscall(SYS_unlink, "c"))
CALL(remove_name_at, syscall(SYS_unlinkat, at, "c", 0))
CALL(make_symlink, syscall(SYS_symlink, "a", "c"))
CALL(make_symlink_at, syscall(SYS_symlinkat, "a", at, "c"))
CALL(make_node, syscall(SYS_mknod, "c", S_IFIFO | 0600, 0))
CALL(make_node_at, syscall(SYS_mknodat, at, "c", S_IFREG | 0600, 0))
CALL(make_folder, syscall(SYS_mkdir, "e", 0700))
CALL(make_folder_at, syscall(SYS_mkdirat, at, "e", 0700))
CALL(remove_folder, syscall(SYS_rmdir, "e"))
CALL(lengthen, syscall(SYS_truncate, "a", 1 << 20))
CALL(cut, syscall(SYS_ftruncate, file, 0))

static int (*const calls[][2])(int) = {
    {rename_there, rename_back},       {rename_again, rename_back}, {make_link, remove_name},
    {make_link_at, remove_name_at},    {make_symlink, remove_name}, {make_symlink_at, remove_name},
    {make_node, remove_name},          {make_node_at, remove_name}, {make_folder, remove_folder},
    {make_folder_at, remove_folder},   {lengthen, cut},
};

static void errors(void)
{
    struct stat status;
    CHECK_ERRNO(rename("none", "b"), ENOENT);
    CHECK_ERRNO(renameat2(at, "a", at, "a", RENAME_NOREPLACE), EEXIST);
    CHECK_ERRNO(rename((char *)8, "b"), EFAULT);
    CHECK_ERRNO(unlink("none"), ENOENT);
    CHECK_ERRNO(unlinkat(-1, "none", 0), EBADF);
    CHECK_ERRNO(unlinkat(at, "a", AT_REMOVEDIR), ENOTDIR);
    CHECK_ERRNO(mkdir("a", 0700), EEXIST);
    CHECK_ERRNO(rmdir("a/b"), ENOTDIR);
    CHECK_ERRNO(link("none", "b"), ENOENT);
    CHECK_ERRNO(symlink("", "b"), ENOENT);
    CHECK_ERRNO(truncate("a", -1), EINVAL);
    CHECK_ERRNO(ftruncate(at, 0), EINVAL);
    CHECK_ERRNO(ftruncate(-1, 0), EBADF);
    /* The umask and the present folder are the caller's. */
    umask(027);
    CHECK_EQ(mkdir("e", 0777), 0);
    CHECK_EQ(stat("e", &status), 0);
    CHECK_EQ(status.st_mode & 0777, 0750);
    CHECK_EQ(chdir("e"), 0);
    CHECK_EQ(mkdir("inner", 0700), 0);
    CHECK_EQ(rmdir("../e/inner"), 0);
    CHECK_EQ(chdir(".."), 0);
    CHECK_EQ(rmdir("e"), 0);
}

int main(void)
{
    CHECK(mkdtemp(folder));
    CHECK_EQ(chdir(folder), 0);
    at = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file = open("a", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(at >= 0 && file >= 0);
    disk_begin();
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        others_run_during_both(calls[i][0], calls[i][1], at, TRIES);
    errors();
    CHECK_GREENS();
    disk_end();
    CHECK_EQ(unlink("a"), 0);
    CHECK_EQ(rmdir(folder), 0);
    printf("done\n");
    return 0;
}
