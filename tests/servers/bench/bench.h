/*
 * What the small programs of scripts/bench share. Each does one thing with plain pthreads, repeats it argv[1] times, and
 * prints "name value" lines that the driver (tests/load/src/bench) reads. Run natively and under Lichen, unchanged.
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline long times(int argc, char **argv, long usual)
{
    long n = argc > 1 ? atol(argv[1]) : usual;
    return n > 0 ? n : usual;
}

static inline void must(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "%s: %s\n", what, strerror(error));
        exit(1);
    }
}

/* Whether the calling thread is one of the kernel's, so that natively measured numbers are not taken for Lichen's. */
static inline int known_to_kernel(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld", (long)syscall(SYS_gettid));
    return access(path, F_OK) == 0;
}

#endif
