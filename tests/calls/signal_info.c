/* The siginfo a handler gets is the true one, in every thread: kill, pthread_kill, sigqueue, pthread_sigqueue, timers, a
 * child's end and stop, a broken pipe, a fault; also when the signal was blocked, or came while the thread waited.
 * flags: -lrt
 */
#include "check.h"
#include <sys/mman.h>

static siginfo_t seen;
static atomic_int handled;
static pthread_t handled_in;
static int number_seen;

static void handler(int number, siginfo_t *info, void *context)
{
    int kept = errno;
    CHECK(context != NULL);
    number_seen = number;
    seen = *info;
    handled_in = pthread_self();
    atomic_fetch_add(&handled, 1);
    errno = kept;
}

static void expect(int before, int number, int code)
{
    while (atomic_load(&handled) == before)
        sleep_ms(1);
    CHECK_EQ(number_seen, number);
    CHECK_EQ(seen.si_signo, number);
    CHECK_EQ(seen.si_errno, 0);
    CHECK_EQ(seen.si_code, code);
}

static void from_here(void)
{
    CHECK_EQ(seen.si_pid, getpid());
    CHECK_EQ(seen.si_uid, getuid());
}

static atomic_int ready, over;

static void *waits(void *arg)
{
    atomic_store(&ready, 1);
    while (!atomic_load(&over))
        usleep(1000);
    return arg;
}

static void sent_to(pthread_t thread)
{
    union sigval value = {.sival_ptr = &value};
    int before = atomic_load(&handled);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    expect(before++, SIGUSR1, SI_TKILL);
    from_here();
    CHECK(pthread_equal(handled_in, thread));
    CHECK_EQ(pthread_sigqueue(thread, SIGUSR1, value), 0);
    expect(before++, SIGUSR1, SI_QUEUE);
    from_here();
    CHECK(seen.si_value.sival_ptr == &value);
    CHECK(pthread_equal(handled_in, thread));
    CHECK_EQ(pthread_sigqueue(thread, SIGRTMIN + 2, value), 0);
    expect(before++, SIGRTMIN + 2, SI_QUEUE);
    CHECK(pthread_equal(handled_in, thread));
    CHECK_EQ(pthread_sigqueue(thread, 0, value), 0);
    CHECK_EQ(pthread_sigqueue(thread, 65, value), EINVAL);
}

static void sent_to_all(void)
{
    union sigval value = {.sival_int = 77};
    int before = atomic_load(&handled);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    expect(before++, SIGUSR1, SI_USER);
    from_here();
    CHECK_EQ(sigqueue(getpid(), SIGUSR1, value), 0);
    expect(before++, SIGUSR1, SI_QUEUE);
    from_here();
    CHECK_EQ(seen.si_value.sival_int, 77);
    pid_t child = fork();
    if (child == 0)
        _exit(sigqueue(getppid(), SIGUSR1, value));
    expect(before++, SIGUSR1, SI_QUEUE);
    CHECK_EQ(seen.si_pid, child);
    CHECK_CHILD(child, 0);
}

static void timers(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
    struct itimerspec soon = {{0, 0}, {0, 1000000}};
    int before = atomic_load(&handled);
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
    expect(before++, SIGUSR1, SI_TIMER);
    CHECK_EQ(seen.si_value.sival_int, 5);
    CHECK_EQ(seen.si_overrun, 0);
    CHECK_EQ(timer_delete(timer), 0);
    CHECK_EQ(alarm(0), 0);
    struct itimerval real = {{0, 0}, {0, 1000}};
    CHECK_EQ(setitimer(ITIMER_REAL, &real, NULL), 0);
    expect(before++, SIGALRM, SI_KERNEL);
}

static void children(void)
{
    int before = atomic_load(&handled), ends[2];
    char byte;
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(read(ends[0], &byte, 1) == 1 ? 9 : 1);
    }
    expect(before++, SIGCHLD, CLD_STOPPED);
    CHECK_EQ(seen.si_pid, child);
    CHECK_EQ(seen.si_status, SIGSTOP);
    CHECK_EQ(kill(child, SIGCONT), 0);
    expect(before++, SIGCHLD, CLD_CONTINUED);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    expect(before++, SIGCHLD, CLD_EXITED);
    CHECK_EQ(seen.si_pid, child);
    CHECK_EQ(seen.si_uid, getuid());
    CHECK_EQ(seen.si_status, 9);
    CHECK_CHILD(child, 9);
    close(ends[0]);
    close(ends[1]);
}

static void blocked(void)
{
    sigset_t set, old;
    union sigval value = {.sival_int = 3};
    int before = atomic_load(&handled);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
    for (value.sival_int = 0; value.sival_int < 5; value.sival_int++)
        CHECK_EQ(pthread_sigqueue(pthread_self(), SIGRTMIN + 2, value), 0);
    sleep_ms(2);
    CHECK_EQ(atomic_load(&handled), before);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    CHECK_EQ(atomic_load(&handled), before + 5);
    /* Those of one number come in the order in which they were sent. */
    CHECK_EQ(seen.si_code, SI_QUEUE);
    CHECK_EQ(seen.si_value.sival_int, 4);
}

/* A standard signal that is pending for the thread is not queued again, however the second one is sent: the first one's
 * siginfo stays. */
static void pending_once(void)
{
    static const int codes[] = {SI_TKILL, SI_QUEUE};
    union sigval value = {.sival_int = 8};
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    for (int first = 0; first < 2; first++) {
        int before = atomic_load(&handled);
        CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
        for (int i = first; i < first + 3; i++)
            CHECK_EQ(i % 2 ? pthread_sigqueue(pthread_self(), SIGUSR1, value) : pthread_kill(pthread_self(), SIGUSR1), 0);
        CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
        CHECK_EQ(atomic_load(&handled), before + 1);
        CHECK_EQ(seen.si_code, codes[first]);
    }
}

static void by_write_and_fault(void)
{
    int ends[2], before = atomic_load(&handled);
    CHECK_EQ(pipe(ends), 0);
    close(ends[0]);
    CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
    expect(before++, SIGPIPE, SI_USER);
    from_here();
    close(ends[1]);
}

static void *all(void *arg)
{
    blocked();
    pending_once();
    by_write_and_fault();
    sent_to(pthread_self());
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    int signals[] = {SIGUSR1, SIGRTMIN + 2, SIGALRM, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        CHECK_EQ(sigaction(signals[i], &action, NULL), 0);
    pthread_t thread = start(waits, NULL);
    wait_for(&ready, 1);
    sent_to(thread);
    signal(SIGCHLD, SIG_DFL);
    sent_to_all();
    CHECK_EQ(sigaction(SIGCHLD, &action, NULL), 0);
    timers();
    children();
    all(NULL);
    join(start(all, NULL));
    atomic_store(&over, 1);
    join(thread);
    puts("true");
    return 0;
}
