/*
 * A thread polls 10,000 sockets; another process makes one of them ready every 10 ms.
 * usage: poll [TIMES]     prints descriptors, poll_cpu_us (CPU of this process per call), poll_late_us (median
 * time from the byte that makes one ready to the return), and in_kernel, whether the kernel knows the thread
 */
#include "bench.h"
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { MOST = 10000, PAUSE_US = 10000 };

static int ends[MOST][2];
static int count, in_kernel;
static long n;
static double *late;
static volatile double *written;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double cpu_us(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6
         + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/* Which descriptor is ready. On a busy machine it may be the first of two. */
static int wait_for_one(struct pollfd *list)
{
    must(poll(list, (nfds_t)count, -1) < 1, "poll");
    for (int i = 0; i < count; i++)
        if (list[i].revents)
            return list[i].fd;
    exit(1);
}

static void *polls(void *argument)
{
    char byte;
    struct pollfd *list = calloc((size_t)count, sizeof *list);
    in_kernel = known_to_kernel();
    for (int i = 0; i < count; i++)
        list[i] = (struct pollfd){ends[i][0], POLLIN, 0};
    /* the first ones are not counted: memory is touched, descriptors become known */
    double begun = 0;
    for (long i = -10; i < n; i++) {
        if (i == 0)
            begun = cpu_us();
        int fd = wait_for_one(list);
        double now = now_ns();
        if (i >= 0)
            late[i] = (now - *written) / 1e3;
        must(read(fd, &byte, 1) != 1, "read");
    }
    printf("poll_cpu_us %.2f\n", (cpu_us() - begun) / (double)n);
    free(list);
    return argument;
}

static void feed(void)
{
    cpu_set_t cpus;
    /* Elsewhere, if there is another CPU. */
    CPU_ZERO(&cpus);
    for (int cpu = 0; cpu < 64; cpu++)
        if (cpu != sched_getcpu())
            CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    for (long i = 0; i < n + 10; i++) {
        usleep(PAUSE_US);
        *written = now_ns();
        must(write(ends[i * 7919 % count][1], "x", 1) != 1, "write");
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    struct rlimit limit;
    n = times(argc, argv, 200);
    late = calloc((size_t)n, sizeof *late);
    written = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 2 * MOST + 100 ? limit.rlim_max : 2 * MOST + 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (count < MOST && count < ((int)limit.rlim_cur - 50) / 2
           && socketpair(AF_UNIX, SOCK_STREAM, 0, ends[count]) == 0)
        count++;
    printf("descriptors %d\n", count);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        feed();
    must(child < 0, "fork");
    must(pthread_create(&thread, NULL, polls, NULL), "pthread_create");
    must(pthread_join(thread, NULL), "pthread_join");
    waitpid(child, NULL, 0);
    qsort(late, (size_t)n, sizeof *late, ascending);
    printf("poll_late_us %.2f\n", late[n / 2]);
    printf("in_kernel %d\n", in_kernel);
    return 0;
}
