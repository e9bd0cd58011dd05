/* A signal handler that counts its runs and keeps in which thread it ran last; and how to interrupt a thread for sure. */
#ifndef HANDLED_H
#define HANDLED_H
#include "check.h"

static atomic_int handled;
static pthread_t handled_in;

static void count_signal(int number)
{
    (void)number;
    handled_in = pthread_self();
    atomic_fetch_add(&handled, 1);
}

/* From now on the signals `number` are counted. */
static UNUSED void count_signals(int number, int flags)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};
    CHECK_EQ(sigaction(number, &action, NULL), 0);
}

/* Sends SIGUSR1 to a thread until it has ended, since one that comes before the thread waits interrupts nothing. Returns
 * what the thread returned. */
static UNUSED void *interrupt_to_end(pthread_t thread)
{
    void *value = NULL;
    while (pthread_tryjoin_np(thread, &value) == EBUSY) {
        pthread_kill(thread, SIGUSR1);
        sleep_ms(5);
    }
    return value;
}

#endif
