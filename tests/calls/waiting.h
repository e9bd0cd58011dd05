/* Proof that a call holds up nobody: it waits in the calling thread while a second thread counts, and ends because a
 * third one acts when it has seen the count grow. If the call held up the others, nobody would ever act.
 *
 * A program with a line `waits: CALL, CALL` in its first comment proves this for those calls, together with their
 * results; a test compares these lines with docs/support.md. Calls are made by number (syscall), so that the one that
 * is named is the one that is made.
 */
#ifndef WAITING_H
#define WAITING_H
#include "check.h"
#include <semaphore.h>

/* More threads than kernel threads are allowed, so that CHECK_GREENS says something. */
#define COMPANY 4
/* Ticks before an actor acts. */
#define TICKS 3

static sem_t company_goes;
static pthread_t company[COMPANY];

static void *keep_company(void *arg)
{
    (void)arg;
    while (sem_wait(&company_goes) == -1)
        CHECK_EQ(errno, EINTR);
    return NULL;
}

static UNUSED void waiting_begin(void)
{
    CHECK_EQ(sem_init(&company_goes, 0, 0), 0);
    for (int i = 0; i < COMPANY; i++)
        company[i] = start(keep_company, NULL);
    ticker_start();
}

static UNUSED void waiting_end(void)
{
    for (int i = 0; i < COMPANY; i++)
        CHECK_EQ(sem_post(&company_goes), 0);
    for (int i = 0; i < COMPANY; i++)
        join(company[i]);
    ticker_end();
}

struct act {
    void (*function)(void *);
    void *arg;
};

static UNUSED void *act_when_ticked(void *arg)
{
    struct act *act = (struct act *)arg;
    wait_ticks(TICKS);
    act->function(act->arg);
    return NULL;
}

/* The value of `call`, which must wait until another thread has called `function(arg)`. errno is the call's. */
#define WAITS(call, function, arg)                                                                                    \
    __extension__({                                                                                                   \
        struct act waits_act = {function, arg};                                                                       \
        CHECK_GREENS(); /* It waits itself: before the actor begins to count. */                                      \
        long waits_from = ticker_now();                                                                               \
        pthread_t waits_actor = start(act_when_ticked, &waits_act);                                                   \
        errno = 0;                                                                                                    \
        long waits_result = (long)(call);                                                                             \
        int waits_errno = errno;                                                                                      \
        ticker_advanced(waits_from, TICKS);                                                                           \
        join(waits_actor);                                                                                            \
        errno = waits_errno;                                                                                          \
        waits_result;                                                                                                 \
    })

/* Acts for WAITS: four bytes for whoever waits to read, written to the descriptor at `arg`; */
static UNUSED void put_word(void *arg)
{
    CHECK_EQ(write(*(int *)arg, "word", 4), 4);
}

static pthread_t waiting_drainer;

static UNUSED void *waiting_drain(void *arg)
{
    static char place[1 << 16];
    long sum = 0, got;
    while ((got = read(*(int *)arg, place, sizeof place)) > 0)
        sum += got;
    CHECK_EQ(got, 0);
    return (void *)sum;
}

/* and for whoever waits for room, a thread that takes all that comes until the other end is closed. */
static UNUSED void begin_to_drain(void *arg)
{
    waiting_drainer = start(waiting_drain, arg);
}

/* Closes the writing end, ends[1], then the other: `sum` bytes came through. */
static UNUSED void drained(int ends[2], long sum)
{
    CHECK_EQ(close(ends[1]), 0);
    CHECK_EQ((long)join(waiting_drainer), sum);
    CHECK_EQ(close(ends[0]), 0);
}

#endif
