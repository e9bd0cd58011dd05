/* syscall() with each call this product stands in for: results and errno as by libc's own functions; all six arguments
 * arrive; unknown numbers say ENOSYS. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/uio.h>

static void *all(void *arg)
{
    int ends[2];
    char buffer[16];
    struct timespec none = {0, 1000000};
    (void)arg;
    CHECK_EQ(syscall(SYS_pipe2, ends, 0), 0);
    struct iovec out[2] = {{"ab", 2}, {"cde", 3}}, in[1] = {{buffer, 16}};
    CHECK_EQ(syscall(SYS_writev, ends[1], out, 2), 5);
    CHECK_EQ(syscall(SYS_readv, ends[0], in, 1), 5);
    CHECK_EQ(syscall(SYS_write, ends[1], "abc", 3L), 3);
    CHECK_EQ(syscall(SYS_read, ends[0], buffer, 16L), 3);
    CHECK_ERRNO(syscall(SYS_read, -1, buffer, 16L), EBADF);
    CHECK_EQ(syscall(SYS_nanosleep, &none, NULL), 0);
    CHECK_EQ(syscall(SYS_sched_yield), 0);
    CHECK_EQ(syscall(SYS_getpid), getpid());
    CHECK_ERRNO(syscall(SYS_pselect6, 0, 0, 0, 0, 8L, 0), EFAULT);
    CHECK_EQ(syscall(SYS_pselect6, 0, 0, 0, 0, &none, 0), 0);
    CHECK_ERRNO(syscall(SYS_futex, 8L, 0, 0L, 0L, 0L, 0L), EFAULT);
    struct { const sigset_t *set; size_t size; } wrong = {(sigset_t *)8, 8};
    CHECK_ERRNO(syscall(SYS_pselect6, 0, 0, 0, 0, &none, &wrong), EFAULT);
    void *page = (void *)syscall(SYS_mmap, NULL, 8192L, 3L, 0x22L, -1L, 0L);
    CHECK(page != (void *)-1);
    CHECK_EQ(syscall(SYS_munmap, page, 8192L), 0);
    CHECK_EQ(syscall(SYS_sendto, ends[0], buffer, 1L, 0L, NULL, 0L), -1);
    CHECK_EQ(errno, ENOTSOCK);
    CHECK_ERRNO(syscall(5000), ENOSYS);
    CHECK_ERRNO(syscall(-1), ENOSYS);
    CHECK_EQ(syscall(SYS_close, ends[0]), 0);
    CHECK_EQ(syscall(SYS_close, ends[1]), 0);
    CHECK_ERRNO(syscall(SYS_close, ends[1]), EBADF);
    return NULL;
}

int main(void)
{
    all(NULL);
    in_both_threads(all);
    printf("done\n");
    return 0;
}
