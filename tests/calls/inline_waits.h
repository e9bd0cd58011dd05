/* Waits by `syscall` instructions outside libc, each beside a thread that must keep counting. For the programs
 * modules_*: `struct inline_functions` says whose instructions are tried. */
#ifndef INLINE_WAITS_H
#define INLINE_WAITS_H
#include "check.h"

struct inline_functions {
    long (*sleep)(long ms);
    long (*read)(int fd, void *to, long len);
    long (*futex_wait)(int *word, int value);
    long (*call)(long number, long a, long b, long c, long d);
};
static int inline_word, inline_pipe[2];

static UNUSED void *inline_waker(void *arg)
{
    (void)arg;
    wait_ticks(5);
    __atomic_store_n(&inline_word, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(syscall(SYS_futex, &inline_word, 129 /* FUTEX_WAKE_PRIVATE */, 1, 0, 0, 0), 1);
    wait_ticks(5);
    CHECK_EQ(write(inline_pipe[1], "x", 1), 1);
    return NULL;
}

/* Threads that do nothing, so that it shows in the number of kernel threads what a thread is. */
static UNUSED void *inline_idle(void *arg)
{
    wait_for((atomic_int *)arg, 1);
    return NULL;
}

/* Checks that the ticker counts while `tried` sleeps. A busy machine may leave it out once, so there are several tries. */
static UNUSED void inline_sleeps(long (*tried)(long ms))
{
    long before = atomic_load(&ticker_count);
    int tries = 0;
    do {
        CHECK(++tries < 100);
        CHECK_EQ(tried(10), 0);
    } while (atomic_load(&ticker_count) == before);
}

static const struct inline_functions *inline_by_number;
static UNUSED long inline_clock_sleep(long ms)
{
    struct timespec time = {0, ms * 1000000};
    return inline_by_number->call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&time, 0);
}

/* Every wait ends only if the other threads run meanwhile: the waker needs the ticker, and the waits need the waker. */
static UNUSED void inline_waits(const struct inline_functions *tried)
{
    char byte = 0;
    atomic_int over = 0;
    pthread_t idle[4];
    for (int i = 0; i < 4; i++)
        idle[i] = start(inline_idle, &over);
    inline_word = 0;
    CHECK_EQ(pipe(inline_pipe), 0);
    ticker_start();
    wait_ticks(1);
    inline_sleeps(tried->sleep);
    pthread_t waker = start(inline_waker, NULL);
    long got = tried->futex_wait(&inline_word, 0);
    CHECK(got == 0);
    CHECK_EQ(tried->futex_wait(&inline_word, 0), -EAGAIN);
    CHECK_EQ(tried->read(inline_pipe[0], &byte, 1), 1);
    CHECK_EQ(byte, 'x');
    CHECK_GREENS();
    join(waker);
    CHECK_EQ(tried->read(-1, &byte, 1), -EBADF);
    CHECK_EQ(tried->call(SYS_getppid, 0, 0, 0, 0), getppid());
    CHECK_EQ(tried->call(SYS_gettid, 0, 0, 0, 0), gettid());
    inline_by_number = tried;
    inline_sleeps(inline_clock_sleep);
    ticker_end();
    atomic_store(&over, 1);
    for (int i = 0; i < 4; i++)
        join(idle[i]);
    close(inline_pipe[0]);
    close(inline_pipe[1]);
}
#endif
