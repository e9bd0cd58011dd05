/* A storm of signals over a working program: 8 senders, 1,000 threads that hand data over sockets and condition variables,
 * every signal that can be blocked. Data is summed at both ends; every queued real-time signal must be handled as often as
 * it was sent, every other signal at least once.
 *
 * storm SECONDS: half of the senders are processes, half threads. Ends with 0 and a line of counts.
 *
 * Signal 33 is left out: glibc keeps it for setuid() and its kin, and takes it whenever it comes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(expr)                                                                                                   \
    do {                                                                                                              \
        if (!(expr)) {                                                                                                \
            dprintf(2, "storm.c:%d: CHECK(%s) failed, errno %d (%s)\n", __LINE__, #expr, errno, strerror(errno));     \
            _exit(1);                                                                                                 \
        }                                                                                                             \
    } while (0)

enum { PAIRS = 250, GROUPS = 250, PROCESSES = 4, THREADS = 4, SIGNALS = 65, BLOCK = 1024, SETXID = 33, FIRST_QUEUED = 32, MOST_QUEUED = 8000 };
/* A handler shuts out only its own signal, so one of each may stand on top of the other: 62 frames of some 3.5 KiB. */
#define STACK (512 << 10)

/* Shared with the senders that are processes. */
static struct shared {
    atomic_long sent[SIGNALS];
    /* Of the queued ones, to keep those on their way few: all processes of a user share one queue. */
    atomic_long queued, taken;
    atomic_int stop;
} *shared;
static atomic_long handled[SIGNALS];
static atomic_int over;
static atomic_long moved, handed;
static pthread_t workers[2 * PAIRS + 2 * GROUPS];

static int is_sent(int signal)
{
    return signal != SIGKILL && signal != SIGSTOP && signal != SETXID;
}

/* The kernel's own call: libc keeps 32 and 33 to itself. */
static void handle(int signal, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct {
        void (*handler)(int);
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } raw;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &raw, 8) == 0);
    CHECK(syscall(SYS_rt_sigaction, signal, &raw, NULL, 8) == 0);
}

static void on_signal(int signal)
{
    int before = errno;
    atomic_fetch_add(&handled[signal], 1);
    if (signal >= FIRST_QUEUED)
        atomic_fetch_add(&shared->taken, 1);
    if (handled[signal] % 64 == 0)
        syscall(SYS_sched_yield); /* a handler may call what waits */
    errno = before;
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Now and then a thread shuts some signals for a moment. */
static void change_mask(uint32_t *seed)
{
    sigset_t some, old;
    sigemptyset(&some);
    for (int i = 0; i < 6; i++) {
        int signal = 1 + (int)(next(seed) % 64);
        if (is_sent(signal) && signal != 32)
            sigaddset(&some, signal);
    }
    CHECK(pthread_sigmask(SIG_BLOCK, &some, &old) == 0);
    if (next(seed) % 4 == 0)
        sched_yield();
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
}

/* Socket work: one writes blocks whose content follows from a seed, the other reads and checks each byte. */
struct pair {
    int ends[2];
    uint32_t seed;
};

static void *writes(void *arg)
{
    struct pair *pair = arg;
    uint32_t data = pair->seed, own = pair->seed ^ 0xaaaa;
    while (!atomic_load(&over)) {
        unsigned char block[BLOCK];
        size_t size = 1 + next(&own) % BLOCK, done = 0;
        for (size_t i = 0; i < size; i++)
            block[i] = (unsigned char)next(&data);
        while (done < size) {
            ssize_t n = write(pair->ends[0], block + done, size - done);
            CHECK(n > 0 || (n == -1 && errno == EINTR));
            done += n > 0 ? (size_t)n : 0;
        }
        if (next(&own) % 16 == 0)
            change_mask(&own);
        if (next(&own) % 8 == 0)
            usleep(1000 + next(&own) % 20000);
    }
    CHECK(shutdown(pair->ends[0], SHUT_WR) == 0);
    return NULL;
}

static void *reads(void *arg)
{
    struct pair *pair = arg;
    uint32_t data = pair->seed, own = pair->seed ^ 0x5555;
    for (;;) {
        unsigned char block[BLOCK];
        ssize_t n = read(pair->ends[1], block, 1 + next(&own) % BLOCK);
        if (n == -1 && errno == EINTR)
            continue;
        CHECK(n >= 0);
        if (n == 0)
            return NULL;
        for (ssize_t i = 0; i < n; i++)
            CHECK(block[i] == (unsigned char)next(&data));
        atomic_fetch_add(&moved, n);
        if (next(&own) % 16 == 0)
            change_mask(&own);
    }
}

/* Condition-variable work: two threads hand a number to and fro. */
struct group {
    pthread_mutex_t mutex;
    pthread_cond_t turned;
    long number;
    int ended;
};

static void hand_over(struct group *group, int side)
{
    uint32_t own = (uint32_t)(uintptr_t)group + (uint32_t)side;
    CHECK(pthread_mutex_lock(&group->mutex) == 0);
    while (!group->ended) {
        while (group->number % 2 != side && !group->ended) {
            struct timespec at;
            clock_gettime(CLOCK_REALTIME, &at);
            at.tv_sec += 1;
            int rc = pthread_cond_timedwait(&group->turned, &group->mutex, &at);
            CHECK(rc == 0 || rc == ETIMEDOUT);
        }
        if (group->ended)
            break;
        group->number++;
        atomic_fetch_add(&handed, 1);
        CHECK(pthread_cond_signal(&group->turned) == 0);
        if (atomic_load(&over)) {
            group->ended = 1;
            CHECK(pthread_cond_broadcast(&group->turned) == 0);
        } else if (next(&own) % 8 == 0) {
            CHECK(pthread_mutex_unlock(&group->mutex) == 0);
            usleep(1000 + next(&own) % 20000);
            if (next(&own) % 4 == 0)
                change_mask(&own);
            CHECK(pthread_mutex_lock(&group->mutex) == 0);
        }
    }
    CHECK(pthread_mutex_unlock(&group->mutex) == 0);
}

static void *hands_even(void *group)
{
    hand_over(group, 0);
    return NULL;
}

static void *hands_odd(void *group)
{
    hand_over(group, 1);
    return NULL;
}

static int any_signal(uint32_t *seed)
{
    int signal;
    do
        signal = 1 + (int)(next(seed) % 64);
    while (!is_sent(signal));
    return signal;
}

/* Whether one more may be on its way; waits a little if not. */
static int may_send(void)
{
    if (atomic_load(&shared->queued) - atomic_load(&shared->taken) < MOST_QUEUED)
        return 1;
    usleep(1000);
    return 0;
}

static void sent_one(int signal)
{
    atomic_fetch_add(&shared->sent[signal], 1);
    if (signal >= FIRST_QUEUED)
        atomic_fetch_add(&shared->queued, 1);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* To the process, queued: a full queue says EAGAIN, and it is not counted. A standard signal may merge with another. */
static void send_to_process(pid_t target, uint32_t seed)
{
    siginfo_t info;
    while (!atomic_load(&shared->stop)) {
        if (!may_send())
            continue;
        int signal = any_signal(&seed);
        memset(&info, 0, sizeof info);
        info.si_code = SI_QUEUE;
        info.si_pid = getpid();
        info.si_uid = getuid();
        if (syscall(SYS_rt_sigqueueinfo, target, signal, &info) == 0)
            sent_one(signal);
        else
            CHECK(errno == EAGAIN);
        usleep(200 + next(&seed) % 400);
    }
    _exit(0);
}

/* To one thread: both ways of sending. 32 is for a cancelled thread only, as glibc sees it: not from here. */
static void *send_to_threads(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg * 77u + 5;
    sigset_t all;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
    while (!atomic_load(&shared->stop)) {
        if (!may_send())
            continue;
        pthread_t target = workers[next(&seed) % (2 * PAIRS + 2 * GROUPS)];
        int signal = any_signal(&seed), rc;
        if (signal == 32)
            continue;
        if (signal >= FIRST_QUEUED && next(&seed) % 2)
            rc = pthread_sigqueue(target, signal, (union sigval){.sival_int = 1});
        else
            rc = pthread_kill(target, signal);
        if (rc == 0)
            sent_one(signal);
        else
            CHECK(rc == EAGAIN);
        usleep(200 + next(&seed) % 400);
    }
    return NULL;
}

/* Whether all that was sent has been handled. */
static int settled(void)
{
    for (int signal = 1; signal < SIGNALS; signal++) {
        long sent = atomic_load(&shared->sent[signal]), got = atomic_load(&handled[signal]);
        if (signal >= FIRST_QUEUED ? sent != got : sent > 0 && got == 0)
            return 0;
    }
    return 1;
}

static int kernel_threads(void)
{
    char line[128];
    int count = -1;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status);
    while (fgets(line, sizeof line, status))
        sscanf(line, "Threads: %d", &count);
    fclose(status);
    return count;
}

int main(int argc, char **argv)
{
    static struct pair pairs[PAIRS];
    static struct group groups[GROUPS];
    pthread_t senders[THREADS];
    pid_t children[PROCESSES];
    pthread_attr_t attr;
    int seconds = argc > 1 ? atoi(argv[1]) : 5, made = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    for (int signal = 1; signal < SIGNALS; signal++)
        if (is_sent(signal))
            handle(signal, on_signal);
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, STACK) == 0);
    for (int i = 0; i < PAIRS; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i].ends) == 0);
        pairs[i].seed = (uint32_t)i * 2654435761u + 1;
        CHECK(pthread_create(&workers[made++], &attr, writes, &pairs[i]) == 0);
        CHECK(pthread_create(&workers[made++], &attr, reads, &pairs[i]) == 0);
    }
    for (int i = 0; i < GROUPS; i++) {
        CHECK(pthread_mutex_init(&groups[i].mutex, NULL) == 0 && pthread_cond_init(&groups[i].turned, NULL) == 0);
        CHECK(pthread_create(&workers[made++], &attr, hands_even, &groups[i]) == 0);
        CHECK(pthread_create(&workers[made++], &attr, hands_odd, &groups[i]) == 0);
    }
    fprintf(stderr, "kernel threads: %d\n", kernel_threads());
    pid_t self = getpid();
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            /* Not beyond the life of the program under test. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            send_to_process(self, (uint32_t)i * 31337u + 7);
        }
    }
    for (intptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&senders[i], NULL, send_to_threads, (void *)(i + 1)) == 0);
    for (int64_t until = now_ms() + seconds * 1000; now_ms() < until;)
        usleep(50000);
    atomic_store(&shared->stop, 1);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(senders[i], NULL) == 0);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        pid_t got;
        while ((got = waitpid(children[i], &status, 0)) == -1 && errno == EINTR)
            ;
        CHECK(got == children[i] && status == 0);
    }
    for (int64_t until = now_ms() + 20000; !settled() && now_ms() < until;)
        usleep(10000);
    long sent = 0, got = 0;
    for (int signal = 1; signal < SIGNALS; signal++) {
        long a = atomic_load(&shared->sent[signal]), b = atomic_load(&handled[signal]);
        if (signal >= FIRST_QUEUED && a != b)
            fprintf(stderr, "signal %d: %ld sent, %ld handled\n", signal, a, b);
        sent += a;
        got += b;
    }
    CHECK(settled());
    atomic_store(&over, 1);
    for (int i = 0; i < made; i++)
        CHECK(pthread_join(workers[i], NULL) == 0);
    CHECK(atomic_load(&moved) > 0 && atomic_load(&handed) > 0 && sent > 0);
    fprintf(stderr, "%ld signals sent, %ld handled, %ld bytes moved, %ld hand-offs\n", sent, got, atomic_load(&moved),
            atomic_load(&handed));
    printf("nothing lost\n");
    return 0;
}
