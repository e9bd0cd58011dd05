/* A filter from before the first thread kills whoever uses io_uring: threads accept all the same, on a listener that is
 * older than they are.
 */
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define THREADS 4
static int listener;

static void *serves(void *arg)
{
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(close(fd), 0);
    return arg;
}

static void kill_for_rings(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT_OF(code), code};
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

int main(void)
{
    struct sockaddr_in address;
    pthread_t threads[THREADS];
    listener = listen_tcp(&address, 64);
    kill_for_rings();
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(serves, NULL);
    for (int i = 0; i < THREADS; i++) {
        char byte;
        int fd = connected_tcp(&address);
        CHECK_EQ(read(fd, &byte, 1), 1);
        CHECK_EQ(close(fd), 0);
    }
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("done\n");
    return 0;
}
