/* Shared by the programs of tests/calls: checks, a ticker, and a look at our own kernel threads.
 *
 * Each program checks itself: it prints only what is the same in every run, and ends with status 0 when all is well.
 * With EXPECT_GREENS=1 in the environment it also checks that threads are not kernel threads.
 * Nothing here may depend on Lichen: the same program must pass on plain Linux.
 */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#ifdef __cplusplus
#include <atomic>
using std::atomic_fetch_add;
using std::atomic_int;
using std::atomic_load;
using std::atomic_long;
using std::atomic_store;
#else
#include <stdatomic.h>
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <stddef.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Ends the whole process with status 1 when `expr` is false, and says where and what errno was. */
#define CHECK(expr)                                                                                                   \
    do {                                                                                                              \
        if (!(expr)) {                                                                                                \
            int check_errno = errno;                                                                                  \
            dprintf(2, "%s:%d: CHECK(%s) failed, errno %d (%s)\n", __FILE_NAME__, __LINE__, #expr, check_errno,       \
                    strerror(check_errno));                                                                           \
            _exit(1);                                                                                                 \
        }                                                                                                             \
    } while (0)

/* Checks that two integers are equal, and shows both when not. */
#define CHECK_EQ(a, b)                                                                                                \
    do {                                                                                                              \
        long check_a = (long)(a), check_b = (long)(b);                                                                \
        if (check_a != check_b) {                                                                                     \
            int check_errno = errno;                                                                                  \
            dprintf(2, "%s:%d: %s is %ld, expected %s = %ld, errno %d (%s)\n", __FILE_NAME__, __LINE__, #a, check_a,  \
                    #b, check_b, check_errno, strerror(check_errno));                                                 \
            _exit(1);                                                                                                 \
        }                                                                                                             \
    } while (0)

/* Checks that a call fails with -1 and the given errno. */
#define CHECK_ERRNO(expr, wanted)                                                                                     \
    do {                                                                                                              \
        errno = 0;                                                                                                    \
        CHECK_EQ((expr), -1);                                                                                         \
        CHECK_EQ(errno, (wanted));                                                                                    \
    } while (0)

/* Ends a program that cannot say anything on this machine: the runner shows the reason. */
#define LACKS(what)                                                                                                   \
    do {                                                                                                              \
        dprintf(2, "this machine lacks %s\n", (what));                                                                \
        _exit(77);                                                                                                    \
    } while (0)

#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define UNUSED __attribute__((unused))

/* Whether this run is to prove that threads are not kernel threads. */
static UNUSED int expect_greens(void)
{
    const char *value = getenv("EXPECT_GREENS");
    return value && strcmp(value, "1") == 0;
}

/* Number of kernel threads of this process now. */
static UNUSED int kernel_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    if (!dir)
        return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* What Lichen may need for itself: one worker, one watchdog, one thread of the pool. */
#define FEW_KERNEL_THREADS 3
/* To be called while many threads live. */
#define CHECK_GREENS()                                                                                                \
    do {                                                                                                              \
        if (expect_greens()) {                                                                                        \
            int check_now = kernel_threads();                                                                         \
            if (check_now > FEW_KERNEL_THREADS) {                                                                     \
                dprintf(2, "%s:%d: %d kernel threads, expected at most %d\n", __FILE_NAME__, __LINE__, check_now,     \
                        FEW_KERNEL_THREADS);                                                                          \
                _exit(1);                                                                                             \
            }                                                                                                         \
        }                                                                                                             \
    } while (0)

/* Allows as many descriptors as the hard limit does: many systems start programs with 1,024. */
static UNUSED void raise_descriptor_limit(void)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Monotonic clock in nanoseconds. */
static UNUSED int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static UNUSED void sleep_ms(int ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&time, &time) == -1 && errno == EINTR)
        ;
}

/* A moment `ms` milliseconds from now on `clock`. */
static UNUSED struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec at;
    clock_gettime(clock, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static UNUSED pthread_t start(void *(*function)(void *), void *arg)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, function, arg);
    if (rc) {
        errno = rc;
        CHECK(!"pthread_create");
    }
    return thread;
}

static UNUSED void *join(pthread_t thread)
{
    void *value;
    CHECK_EQ(pthread_join(thread, &value), 0);
    return value;
}

/* Calls `function(NULL)` in `count` threads at once, and returns when all have ended. */
static UNUSED void in_many_threads(int count, void *(*function)(void *))
{
    pthread_t threads[64];
    CHECK(count <= (int)COUNT_OF(threads));
    for (int i = 0; i < count; i++)
        threads[i] = start(function, NULL);
    for (int i = 0; i < count; i++)
        join(threads[i]);
}

/* The same in a thread of its own, then in the calling one: under Lichen the first thread is a green as the others are,
 * but has its stack and its start from the kernel. */
static UNUSED void in_both_threads(void *(*function)(void *))
{
    in_many_threads(1, function);
    function(NULL);
}

/* A thread that counts while others wait: proof that a waiting thread holds up nobody. */
static atomic_long ticker_count;
static atomic_int ticker_stop;
static pthread_t ticker_thread;

static UNUSED void *ticker_run(void *arg)
{
    (void)arg;
    while (!atomic_load(&ticker_stop)) {
        atomic_fetch_add(&ticker_count, 1);
        sleep_ms(1);
    }
    return NULL;
}

static UNUSED void ticker_start(void)
{
    atomic_store(&ticker_stop, 0);
    ticker_thread = start(ticker_run, NULL);
}

static UNUSED void ticker_end(void)
{
    atomic_store(&ticker_stop, 1);
    join(ticker_thread);
}

/* Returns when the ticker has advanced by `ticks`; for a thread that is to act while another one waits. */
static UNUSED void wait_ticks(long ticks)
{
    long from = atomic_load(&ticker_count);
    while (atomic_load(&ticker_count) < from + ticks)
        sleep_ms(1);
}

static UNUSED long ticker_now(void)
{
    return atomic_load(&ticker_count);
}

/* Checks that the ticker has advanced by `ticks` since it stood at `from`: what the caller did meanwhile held up nobody. */
static UNUSED void ticker_advanced(long from, long ticks)
{
    CHECK(ticker_now() - from >= ticks);
}

/* Waits until `*flag` is at least `value`: for tests' own order, never for a measurement. */
static UNUSED void wait_for(atomic_int *flag, int value)
{
    while (atomic_load(flag) < value)
        sleep_ms(1);
}

/* A listening TCP socket on a free port of the loopback interface. */
static UNUSED int listen_tcp(struct sockaddr_in *address, int backlog)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    socklen_t size = sizeof *address;
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(fd, (struct sockaddr *)address, size), 0);
    CHECK_EQ(listen(fd, backlog), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

/* An address of the loopback interface where nobody listens, kept so by the socket returned: a port that is merely
 * free now may be another program's in a moment. */
static UNUSED int refusing_tcp(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof *address;
    CHECK(fd >= 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(fd, (struct sockaddr *)address, size), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

/* A TCP socket that is connected to `address`. */
static UNUSED int connected_tcp(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK_EQ(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

/* A connected pair of TCP sockets. */
static UNUSED void tcp_pair(int pair[2])
{
    struct sockaddr_in address, own, peer;
    socklen_t size = sizeof own;
    int listener = listen_tcp(&address, 1);
    pair[0] = connected_tcp(&address);
    pair[1] = accept(listener, NULL, NULL);
    CHECK(pair[1] >= 0);
    CHECK_EQ(getsockname(pair[0], (struct sockaddr *)&own, &size), 0);
    CHECK_EQ(getpeername(pair[1], (struct sockaddr *)&peer, &size), 0);
    CHECK_EQ(own.sin_port, peer.sin_port);
    CHECK_EQ(close(listener), 0);
}

/* Waits for a child and returns its raw wait status. */
static UNUSED int wait_status(pid_t child)
{
    int status;
    pid_t got;
    do
        got = waitpid(child, &status, 0);
    while (got == -1 && errno == EINTR);
    CHECK_EQ(got, child);
    return status;
}

/* Checks that a child ended with this exit status. */
#define CHECK_CHILD(pid, code)                                                                                        \
    do {                                                                                                              \
        int check_status = wait_status(pid);                                                                          \
        CHECK_EQ(check_status, (code) << 8);                                                                          \
    } while (0)

#endif
