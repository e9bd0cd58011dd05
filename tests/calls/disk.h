/* Proof that a call which waits for the disk holds up nobody: a thread that only yields is seen to run between the
 * beginning of the call and its end. Under Lichen no other thread runs unless the call gives way (so a program that uses
 * this says `env: LICHEN_WITHOUT=slices`: a thread that computes for long is not to be interrupted). The disk may be done
 * before anybody notices, and on plain Linux it is the scheduler's choice who runs meanwhile: so the call is made again
 * until another thread did.
 */
#ifndef DISK_H
#define DISK_H
#include "check.h"

static atomic_long disk_turns;
static atomic_int disk_stop;
static pthread_t disk_thread;

static void *disk_yields(void *arg)
{
    while (!atomic_load(&disk_stop)) {
        atomic_fetch_add(&disk_turns, 1);
        sched_yield();
    }
    return arg;
}

static UNUSED void disk_begin(void) { disk_thread = start(disk_yields, NULL); }

static UNUSED void disk_end(void)
{
    atomic_store(&disk_stop, 1);
    join(disk_thread);
}

/* Calls `make(arg)`, which returns 0 each time, until another thread ran meanwhile. */
static UNUSED void others_run_during(int (*make)(int), int arg, int tries)
{
    for (int i = 0; i < tries; i++) {
        long before = atomic_load(&disk_turns);
        CHECK_EQ(make(arg), 0);
        if (atomic_load(&disk_turns) != before)
            return;
    }
    CHECK(!"another thread ran meanwhile");
}

#endif
