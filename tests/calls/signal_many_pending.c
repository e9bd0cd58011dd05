/* More signals wait for threads than anybody would count on, and none is lost: several for each of 1,000 threads at once,
 * sent before any of them can run; queued real-time signals of one thread, in their order; and a stream of real-time
 * signals from another process to one whose threads are busy. (Not many times at once: all processes of a user share one
 * queue.)
 * caps: no
 */
#include "check.h"

enum { THREADS = 1000, QUEUED = 400, STREAM = 5000 };

static atomic_int arrived, streamed, ready;
static volatile int in_order = 1, next_value;

static void count(int signal)
{
    (void)signal;
    atomic_fetch_add(&arrived, 1);
}

static void ordered(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    in_order &= info->si_value.sival_int == next_value++;
}

static void stream(int signal)
{
    (void)signal;
    atomic_fetch_add(&streamed, 1);
}

static void *waits(void *pipe)
{
    char byte;
    atomic_fetch_add(&ready, 1);
    CHECK_EQ(read(*(int *)pipe, &byte, 1), 1);
    return NULL;
}

static void several_for_each(void)
{
    static pthread_t threads[THREADS];
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGHUP};
    pthread_attr_t attr;
    int pipes[2];
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(pthread_attr_init(&attr), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 64 << 10), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], &attr, waits, &pipes[0]), 0);
    wait_for(&ready, THREADS);
    CHECK_GREENS();
    for (int i = 0; i < THREADS; i++)
        for (size_t k = 0; k < COUNT_OF(signals); k++)
            CHECK_EQ(pthread_kill(threads[i], signals[k]), 0);
    wait_for(&arrived, THREADS * COUNT_OF(signals));
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(write(pipes[1], "x", 1), 1);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("%d signals\n", atomic_load(&arrived));
}

static void *queue_to_itself(void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    /* Some are taken between, so that the rest is not where it was. */
    for (int i = 0; i < QUEUED; i++)
        CHECK_EQ(pthread_sigqueue(pthread_self(), SIGRTMIN + 1, (union sigval){.sival_int = i}), 0);
    for (int i = 0; i < QUEUED / 2; i++) {
        siginfo_t info;
        CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + 1);
        CHECK_EQ(info.si_value.sival_int, i);
        next_value = i + 1;
    }
    for (int i = QUEUED; i < QUEUED + 50; i++)
        CHECK_EQ(pthread_sigqueue(pthread_self(), SIGRTMIN + 1, (union sigval){.sival_int = i}), 0);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    CHECK_EQ(next_value, QUEUED + 50);
    CHECK(in_order);
    return arg;
}

static void sends(pid_t to)
{
    for (int i = 0; i < STREAM; i++)
        while (sigqueue(to, SIGRTMIN + 2, (union sigval){.sival_int = i})) {
            CHECK_EQ(errno, EAGAIN);
            usleep(100);
        }
    _exit(0);
}

static void *computes(void *arg)
{
    while (atomic_load(&streamed) < STREAM)
        for (volatile int i = 0; i < 1000000; i++)
            ;
    return arg;
}

int main(void)
{
    struct sigaction queued = {.sa_sigaction = ordered, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction plain = {.sa_handler = count, .sa_flags = SA_RESTART};
    struct sigaction streaming = {.sa_handler = stream, .sa_flags = SA_RESTART};
    CHECK_EQ(sigaction(SIGRTMIN + 1, &queued, NULL), 0);
    CHECK_EQ(sigaction(SIGRTMIN + 2, &streaming, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR1, &plain, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR2, &plain, NULL), 0);
    CHECK_EQ(sigaction(SIGHUP, &plain, NULL), 0);
    several_for_each();
    join(start(queue_to_itself, NULL));
    printf("in order\n");
    pid_t self = getpid(), child = fork();
    CHECK(child >= 0);
    if (child == 0)
        sends(self);
    pthread_t busy[3];
    for (size_t i = 0; i < COUNT_OF(busy); i++)
        busy[i] = start(computes, NULL);
    for (size_t i = 0; i < COUNT_OF(busy); i++)
        join(busy[i]);
    CHECK_CHILD(child, 0);
    CHECK_EQ(atomic_load(&streamed), STREAM);
    printf("streamed\n");
    return 0;
}
