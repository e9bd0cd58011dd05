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

/* `ms` milliseconds have passed since `from`, as the kernel counts them. */
static UNUSED void not_early(int64_t from, int ms)
{
    CHECK(now_ns() - from >= (ms - JIFFY_MS) * 1000000L);
}

#define TIMES_OUT(call, ms, wanted)                                                                                   \
    do {                                                                                                              \
        int64_t from = now_ns();                                                                                      \
        CHECK_ERRNO(call, wanted);                                                                                    \
        not_early(from, ms);                                                                                          \
    } while (0)

/* What is sent moves on for a while, so a call may still find room: the one that does not is meant. */
#define SENDS_LATE(call, ms, wanted)                                                                                  \
    do {                                                                                                              \
        int64_t from;                                                                                                 \
        long sent;                                                                                                    \
        do                                                                                                            \
            from = now_ns(), errno = 0, sent = (call);                                                                \
        while (sent >= 0);                                                                                            \
        CHECK_EQ(errno, wanted);                                                                                      \
        not_early(from, ms);                                                                                          \
    } while (0)

#endif
