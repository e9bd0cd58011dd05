/* Signals for the process come while threads sleep, and others that run take them away: whoever has them, no sleep or time-out ends
 * early. nanosleep gives 0 only after the whole time, or EINTR with what is left; poll, select, epoll_wait and
 * sem_timedwait say "late" only when it is. EINTR is for the thread whose handler ran, and for no other: one that was woken
 * for a signal that somebody else has taken goes on waiting,
 * but for epoll_wait, which natively says EINTR then. */
#include "check.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>

#define MS 150
static atomic_int handled, stop;
/* How many handlers ran in this thread. */
static __thread volatile int mine;

static void handler(int number)
{
    (void)number;
    mine++;
    atomic_fetch_add(&handled, 1);
}

static void *runs(void *arg)
{
    struct timespec none = {0, 0};
    sigset_t set;
    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    while (!atomic_load(&stop)) {
        CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
        sched_yield();
        if (sigtimedwait(&set, NULL, &none) == SIGUSR1)
            atomic_fetch_add(&handled, 1);
        sched_yield();
        CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    }
    return NULL;
}

static void *sends(void *arg)
{
    sigset_t set;
    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    while (!atomic_load(&stop)) {
        CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        sleep_ms(3);
    }
    return NULL;
}

static void check_time(int64_t from)
{
    CHECK(now_ns() - from >= MS * 1000000L);
}

/* After EINTR: a handler has run here since there were `before`. */
static int interrupted_since(int before)
{
    CHECK(mine > before);
    return mine;
}

static void sleeps(void)
{
    int before = mine;
    struct timespec time = {0, MS * 1000000}, left = {9, 9};
    int64_t from = now_ns();
    while (nanosleep(&time, &left) == -1) {
        CHECK_EQ(errno, EINTR);
        before = interrupted_since(before);
        /* What is left counts the timer's slack of 50 us in. */
        CHECK(left.tv_sec == 0 && left.tv_nsec <= time.tv_nsec + 100000);
        time = left;
    }
    check_time(from);
    from = now_ns();
    struct timespec at = in_ms(CLOCK_MONOTONIC, MS);
    before = mine;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        before = interrupted_since(before);
    check_time(from);
    from = now_ns();
    at = in_ms(CLOCK_REALTIME, MS);
    before = mine;
    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == EINTR)
        before = interrupted_since(before);
    check_time(from);
}

/* Each is asked for one long time; EINTR is in order, an early "nothing" is not. */
static void waits(int pipe_end, int set)
{
    struct timespec time = {0, MS * 1000000}, at;
    struct timeval value = {0, MS * 1000};
    struct epoll_event event;
    struct pollfd list = {.fd = pipe_end, .events = POLLIN};
    sem_t semaphore;
    fd_set bits;
    for (int how = 0; how < 6; how++) {
        int64_t from = now_ns();
        int answer = 0, before = mine;
        FD_ZERO(&bits);
        FD_SET(pipe_end, &bits);
        switch (how) {
        case 0: answer = poll(&list, 1, MS); break;
        case 1: answer = ppoll(&list, 1, &time, NULL); break;
        case 2: answer = select(pipe_end + 1, &bits, NULL, NULL, &value); break;
        case 3: answer = epoll_wait(set, &event, 1, MS); break;
        case 4: answer = epoll_pwait2(set, &event, 1, &time, NULL); break;
        case 5:
            CHECK_EQ(sem_init(&semaphore, 0, 0), 0);
            at = in_ms(CLOCK_REALTIME, MS);
            answer = sem_timedwait(&semaphore, &at);
            if (answer == -1 && errno == ETIMEDOUT)
                answer = 0;
            break;
        }
        if (answer == 0)
            check_time(from);
        else
            CHECK(answer == -1 && (errno == ENOSYS || (errno == EINTR && (how == 3 || how == 4 || interrupted_since(before)))));
    }
}

static void *all(void *arg)
{
    int *ends = arg;
    sleeps();
    for (int i = 0; i < 3; i++)
        waits(ends[0], ends[2]);
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct epoll_event wanted = {.events = EPOLLIN};
    pthread_t threads[5];
    int ends[3];
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(pipe(ends), 0);
    ends[2] = epoll_create1(0);
    CHECK_EQ(epoll_ctl(ends[2], EPOLL_CTL_ADD, ends[0], &wanted), 0);
    threads[0] = start(sends, NULL);
    for (int i = 1; i < 4; i++)
        threads[i] = start(runs, NULL);
    threads[4] = start(all, ends);
    all(ends);
    join(threads[4]);
    CHECK(atomic_load(&handled) > 0);
    atomic_store(&stop, 1);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("done\n");
    return 0;
}
