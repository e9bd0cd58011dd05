/* Signals from another process come while threads end: none is lost with a thread that was just ending, neither when
 * others run on, nor when everybody else waits and the process falls asleep.
 */
#include "check.h"

#define SIGNALS 300
#define ROUNDS 20
#define THREADS 30
static int answers[2];
static atomic_int handled, stop, reading;

static void handler(int number)
{
    int kept = errno;
    (void)number;
    atomic_fetch_add(&handled, 1);
    CHECK_EQ(write(answers[1], "x", 1), 1);
    errno = kept;
}

static void *ends_soon(void *arg)
{
    if (arg)
        sched_yield();
    return arg;
}

static void *makes_threads(void *arg)
{
    while (!atomic_load(&stop)) {
        pthread_t threads[8];
        for (long i = 0; i < 8; i++)
            threads[i] = start(ends_soon, (void *)(i % 2));
        for (int i = 0; i < 8; i++)
            join(threads[i]);
    }
    return arg;
}

static void others_run_on(void)
{
    pid_t parent = getpid(), child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char byte;
        for (int i = 0; i < SIGNALS; i++) {
            if (kill(parent, SIGUSR1) != 0 || read(answers[0], &byte, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    pthread_t first = start(makes_threads, NULL), second = start(makes_threads, NULL);
    CHECK_CHILD(child, 0);
    atomic_store(&stop, 1);
    join(first);
    join(second);
}

static void *reads_to_end(void *arg)
{
    char byte;
    int fd = (int)(long)arg;
    atomic_fetch_add(&reading, 1);
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_EQ(close(fd), 0);
    return NULL;
}

static void all_fall_asleep(void)
{
    int pairs[THREADS][2], go[2];
    char byte;
    CHECK_EQ(pipe(go), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
    pid_t parent = getpid(), child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (read(go[0], &byte, 1) != 1)
            _exit(1);
        for (int i = 0; i < THREADS; i++)
            close(pairs[i][1]);
        kill(parent, SIGUSR1);
        _exit(0);
    }
    atomic_store(&reading, 0);
    for (int i = 0; i < THREADS; i++) {
        close(pairs[i][1]);
        CHECK_EQ(pthread_detach(start(reads_to_end, (void *)(long)pairs[i][0])), 0);
    }
    wait_for(&reading, THREADS);
    CHECK_EQ(write(go[1], "x", 1), 1);
    CHECK_EQ(read(answers[0], &byte, 1), 1);
    CHECK_CHILD(child, 0);
    close(go[0]), close(go[1]);
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(pipe(answers), 0);
    others_run_on();
    for (int i = 0; i < ROUNDS; i++)
        all_fall_asleep();
    printf("handled %d\n", atomic_load(&handled));
    return 0;
}
