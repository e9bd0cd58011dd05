/* Time-outs of sockets, SO_RCVTIMEO and SO_SNDTIMEO: setting one, and checking that a call was not ended too early by it. */
#ifndef SOCKET_TIMEOUT_H
#define SOCKET_TIMEOUT_H
#include "check.h"

static UNUSED void set_timeout(int fd, int option, int ms)
{
    struct timeval time = {ms / 1000, ms % 1000 * 1000};
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &time, sizeof time), 0);
}

/* The kernel counts these time-outs in its own ticks, of at most 10 ms, from the beginning of the present one. */
#define JIFFY_MS 10

/* Now, and as the kernel's ticks have it, which lag behind where a virtual processor was not run for a while. */
struct moment {
    int64_t now, ticks;
};

static UNUSED struct moment this_moment(void)
{
    struct timespec ticks;
    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC_COARSE, &ticks), 0);
    return (struct moment){now_ns(), ticks.tv_sec * 1000000000L + ticks.tv_nsec};
}

/* `ms` milliseconds have passed since `from`, by the one or the other. */
static UNUSED void not_early(struct moment from, int ms)
{
    struct moment to = this_moment();
    int64_t least = (ms - JIFFY_MS) * 1000000L;
    CHECK(to.now - from.now >= least || to.ticks - from.ticks >= least);
}

#define TIMES_OUT(call, ms, wanted)                                                                                   \
    do {                                                                                                              \
        struct moment from = this_moment();                                                                           \
        CHECK_ERRNO(call, wanted);                                                                                    \
        not_early(from, ms);                                                                                          \
    } while (0)

/* What is sent moves on for a while, so a call may still find room: the one that does not is meant. */
#define SENDS_LATE(call, ms, wanted)                                                                                  \
    do {                                                                                                              \
        struct moment from;                                                                                           \
        long sent;                                                                                                    \
        do                                                                                                            \
            from = this_moment(), errno = 0, sent = (call);                                                                \
        while (sent >= 0);                                                                                            \
        CHECK_EQ(errno, wanted);                                                                                      \
        not_early(from, ms);                                                                                          \
    } while (0)

#endif
