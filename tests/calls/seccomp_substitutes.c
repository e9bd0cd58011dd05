/* A program's own seccomp filter forbids calls that the program does not make, but that something in its stead might:
 * everything the program does goes on as before, in threads that waited already and in threads made later, whether
 * the filter answers with an errno or would kill. Each filter has a child process of its own, which forks once more.
 * stderr: any
 * greens
 */
#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

#define MOST 16
#define WHOLE 300000
struct trial {
    const char *what;
    int numbers[MOST];
};
static const struct trial trials[] = {
    {"preadv2", {SYS_preadv2, SYS_pwritev2}},
    {"socket calls", {SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg}},
    {"preadv2 and socket calls", {SYS_preadv2, SYS_pwritev2, SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg}},
    {"epoll_ctl", {SYS_epoll_ctl}},
    {"epoll_wait", {SYS_epoll_wait}},
    {"timerfd_settime", {SYS_timerfd_settime}},
    {"new descriptors", {SYS_epoll_create1, SYS_timerfd_create, SYS_eventfd2, SYS_pidfd_open, SYS_signalfd4}},
    {"timers", {SYS_timer_create, SYS_timer_settime, SYS_timer_delete}},
    {"openat", {SYS_openat, SYS_ioctl}},
    {"opening and asking", {SYS_openat2, SYS_statx, SYS_lseek, SYS_io_uring_setup, SYS_kill, SYS_getpgrp, SYS_writev}},
    {"all of these",
     {SYS_preadv2, SYS_pwritev2, SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_epoll_ctl, SYS_epoll_wait,
      SYS_epoll_pwait, SYS_timerfd_settime, SYS_openat, SYS_ioctl, SYS_epoll_create1, SYS_pselect6}},
};

/* As libseccomp writes them: the architecture, then a list of numbers, each of which jumps to the end. */
static void install(const int *numbers, unsigned action)
{
    struct sock_filter code[MOST + 8];
    unsigned short at = 0, count = 0;
    while (count < MOST && (count == 0 || numbers[count]))
        count++;
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned short i = 0; i < count; i++)
        code[at++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i], (unsigned char)(count - i), 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    struct sock_fprog program = {at, code};
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){0, code}), EINVAL);
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static atomic_int arrived;
static void *reads_one(void *arg)
{
    char byte = 0;
    atomic_fetch_add(&arrived, 1);
    CHECK_EQ(read((int)(long)arg, &byte, 1), 1);
    return (void *)(long)byte;
}

static void *reads_all(void *arg)
{
    static __thread char data[4096];
    long sum = 0;
    ssize_t got;
    while (sum < WHOLE && (got = read((int)(long)arg, data, sizeof data)) > 0)
        sum += got;
    return (void *)sum;
}

static void *writes_late(void *arg)
{
    wait_ticks(3);
    CHECK_EQ(write((int)(long)arg, "y", 1), 1);
    return NULL;
}

/* A file is opened and read, and what takes no writes says so. */
static void *uses_files(void *arg)
{
    char byte;
    uint64_t one = 1;
    int fd = (int)syscall(SYS_open, "/dev/zero", O_RDONLY), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 0);
    close(fd);
    if (timer >= 0) {
        CHECK_ERRNO(write(timer, &one, 8), EINVAL);
        close(timer);
    }
    return arg;
}

/* A byte to threads that wait, a byte from a thread while we wait, and more than fits, both ways. */
static void exchange(int in, int out)
{
    static char much[WHOLE];
    char byte = 0;
    pthread_t other = start(writes_late, (void *)(long)out);
    CHECK_EQ(read(in, &byte, 1), 1);
    CHECK_EQ(byte, 'y');
    join(other);
    other = start(reads_all, (void *)(long)in);
    CHECK_EQ(write(out, much, sizeof much), WHOLE);
    CHECK_EQ((long)join(other), WHOLE);
}

static void filtered(const struct trial *trial, unsigned action)
{
    int pipes[2], waited[2], pair[2];
    pthread_t readers[4];
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t nobody = PTHREAD_COND_INITIALIZER;
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(pipe(waited), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    atomic_store(&arrived, 0);
    for (int i = 0; i < 4; i++)
        readers[i] = start(reads_one, (void *)(long)(i < 2 ? waited[0] : pair[0]));
    wait_for(&arrived, 4);
    ticker_start();
    wait_ticks(5);
    CHECK_GREENS();
    install(trial->numbers, action);
    wait_ticks(3);
    CHECK_EQ(write(waited[1], "xx", 2), 2);
    CHECK_EQ(write(pair[1], "xx", 2), 2);
    for (int i = 0; i < 4; i++)
        CHECK_EQ((long)join(readers[i]), 'x');
    exchange(pipes[0], pipes[1]);
    exchange(pair[0], pair[1]);
    if (trial->numbers[0] == SYS_openat2)
        join(start(uses_files, NULL));
    struct timespec at = in_ms(CLOCK_REALTIME, 20);
    pthread_mutex_lock(&mutex);
    CHECK_EQ(pthread_cond_timedwait(&nobody, &mutex, &at), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    ticker_end();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        ticker_start();
        wait_ticks(3);
        exchange(pair[0], pair[1]);
        ticker_end();
        _exit(5);
    }
    CHECK_CHILD(child, 5);
}

static void run(const struct trial *trial, unsigned action)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        filtered(trial, action);
        _exit(0);
    }
    int status = wait_status(child);
    if (status) {
        fprintf(stderr, "%s: wait status %#x\n", trial->what, status);
        _exit(1);
    }
}

int main(void)
{
    ticker_start();
    wait_ticks(1);
    ticker_end();
    for (unsigned i = 0; i < COUNT_OF(trials); i++) {
        run(&trials[i], SECCOMP_RET_ERRNO | EPERM);
        run(&trials[i], SECCOMP_RET_KILL_PROCESS);
        printf("%s\n", trials[i].what);
    }
    return 0;
}
