/* For WAITS: a call that only a signal ends. */
#ifndef INTERRUPTING_H
#define INTERRUPTING_H
#include "handled.h"
#include "waiting.h"

static atomic_int interrupting_over;
static pthread_t interrupting_whom;

/* One that comes before the call interrupts nothing, so they come until the call is over. */
static void interrupt_until_over(void *arg)
{
    (void)arg;
    while (!atomic_load(&interrupting_over)) {
        CHECK_EQ(pthread_kill(interrupting_whom, SIGUSR1), 0);
        sleep_ms(5);
    }
}

static void interrupting_begin(void)
{
    interrupting_whom = pthread_self();
    atomic_store(&interrupting_over, 0);
}

static long interrupting_end(long result)
{
    atomic_store(&interrupting_over, 1);
    return result;
}

/* The value of `call`, made in this thread, which must wait until SIGUSR1 comes. errno is the call's. */
#define INTERRUPTED(call)                                                                                             \
    __extension__({                                                                                                   \
        interrupting_begin();                                                                                         \
        WAITS(interrupting_end((long)(call)), interrupt_until_over, NULL);                                            \
    })

#endif
