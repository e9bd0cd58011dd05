/* Proof that a call which waits for the disk holds up nobody: a thread that only yields is seen to run between the
 * beginning of the call and its end. Under Lichen no other thread runs unless the call gives way (so a program that uses
 * this says `env: LICHEN_WITHOUT=slices`: a thread that computes for long is not to be interrupted). The disk may be done
 * before anybody notices; so a third thread keeps the pool at work, which is one kernel thread (`env: LICHEN_POOL=1`), and
 * the call is made again until another thread ran. On plain Linux that is the scheduler's choice, and not asked for.
 */
#ifndef DISK_H
#define DISK_H
#include "check.h"

static atomic_long disk_turns;
static atomic_int disk_stop;
/* More of them than kernel threads are allowed, so that CHECK_GREENS says something. */
static pthread_t disk_threads[4], disk_writer;

static void *disk_yields(void *arg)
{
    while (!atomic_load(&disk_stop)) {
        atomic_fetch_add(&disk_turns, 1);
        sched_yield();
    }
    return arg;
}

static void *disk_writes(void *arg)
{
    char name[] = "/tmp/lichen-disk-XXXXXX", block[4096] = "";
    int file = mkstemp(name);
    CHECK(file >= 0);
    CHECK_EQ(unlink(name), 0);
    while (!atomic_load(&disk_stop)) {
        CHECK_EQ(pwrite(file, block, sizeof block, 0), sizeof block);
        CHECK_EQ(fdatasync(file), 0);
    }
    CHECK_EQ(close(file), 0);
    return arg;
}

static UNUSED void disk_begin(void)
{
    for (size_t i = 0; i < COUNT_OF(disk_threads); i++)
        disk_threads[i] = start(disk_yields, NULL);
    disk_writer = start(disk_writes, NULL);
}

static UNUSED void disk_end(void)
{
    atomic_store(&disk_stop, 1);
    for (size_t i = 0; i < COUNT_OF(disk_threads); i++)
        join(disk_threads[i]);
    join(disk_writer);
}

/* Calls `make(arg)`, which returns 0. Did another thread run meanwhile? */
static UNUSED int disk_others_ran(int (*make)(int), int arg)
{
    long before = atomic_load(&disk_turns);
    CHECK_EQ(make(arg), 0);
    return atomic_load(&disk_turns) != before;
}

/* Calls `make(arg)` until another thread ran meanwhile. */
static UNUSED void others_run_during(int (*make)(int), int arg, int tries)
{
    for (int i = 0; i < tries; i++)
        if (disk_others_ran(make, arg))
            return;
    CHECK(!expect_greens() || !"another thread ran meanwhile");
}

/* The same of two calls, of which the second undoes what the first did. */
static UNUSED void others_run_during_both(int (*make)(int), int (*back)(int), int arg, int tries)
{
    int made = 0, undone = 0;
    for (int i = 0; i < tries && !(made && undone); i++) {
        made |= disk_others_ran(make, arg);
        undone |= disk_others_ran(back, arg);
    }
    CHECK(!expect_greens() || (made && undone));
}

#endif
