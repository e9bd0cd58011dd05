/*
 * What each connection's own memory costs, whoever runs it: an event loop that touches for each request what a thread
 * cannot help touching, and nothing else of a thread's. Two buffers, the lines of its frames, two lines of its TCB, on
 * pages that lie as far apart as default stacks do and begin at different cache sets. Used by epoll.c, for scripts/bench.
 */
#ifndef OWN_H
#define OWN_H

#include "answer.h"
#include "listen.h"

#include <sys/mman.h>

enum { LINE = 64, PAGE = 4096, OWN_MAX = 16384, APART = 8 << 20, TCB_CANCEL = 0x300 };

static char *own_base; /* NULL: connections share one pair of buffers */
static int own_lines;

/* Reserves room; lines: how many of a stack are touched besides the buffers. */
static inline void own_begin(int lines)
{
    own_lines = lines;
    own_base = mmap(NULL, (size_t)OWN_MAX * APART, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (own_base == MAP_FAILED)
        die("mmap");
    madvise(own_base, (size_t)OWN_MAX * APART, MADV_NOHUGEPAGE);
}

static inline char *own_in(int fd)
{
    return own_base + (size_t)fd % OWN_MAX * APART + 2 * PAGE + (size_t)fd * 7 % 12 * 5 * LINE;
}

static inline char *own_out(int fd)
{
    return own_in(fd) + REQUEST_MAX;
}

static inline char *own_tcb(int fd)
{
    return own_in(fd) + REQUEST_MAX + RESPONSE_MAX + PAGE / 2;
}

/* Begins to load what a connection will need. */
static inline void own_fetch(int fd)
{
    for (int i = 1; i <= own_lines; i++)
        __builtin_prefetch(own_in(fd) - i * LINE, 1);
    for (int i = 0; i < 2; i++) {
        __builtin_prefetch(own_in(fd) + i * LINE, 1);
        __builtin_prefetch(own_out(fd) + i * LINE, 1);
        __builtin_prefetch(own_tcb(fd) + i * TCB_CANCEL, 1);
    }
}

/* Touches what a thread touches besides its buffers. */
static inline void own_touch(int fd)
{
    volatile char *in = own_in(fd), *tcb = own_tcb(fd);
    for (int i = 1; i <= own_lines; i++)
        in[-i * LINE]++;
    tcb[0]++;
    tcb[TCB_CANCEL]++;
}

#endif
