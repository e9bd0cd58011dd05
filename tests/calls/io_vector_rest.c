/* What a vector's waiting write puts into a full pipe or socket, before and after there is room again: pages and buffers are
 * filled across the parts, so that as much fits as of one buffer. Said after each step: how much is in there. Where a pipe
 * cannot be asked not to wait (RWF_NOWAIT), a page at a time goes into it.
 * skips: nowait
 */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/uio.h>

#define MANY 40
static int to;
static struct iovec parts[MANY];
static int count;
static atomic_int begun;

static void divide(char *data, int first, int each, int number)
{
    parts[0] = (struct iovec){data, (size_t)first};
    for (int i = 1; i < number; i++)
        parts[i] = (struct iovec){data + first + (i - 1) * each, (size_t)each};
    count = number;
}

static void *writes(void *arg)
{
    (void)arg;
    atomic_store(&begun, 1);
    return (void *)writev(to, parts, count);
}

static void said(const char *what, int from)
{
    int now = -1;
    for (int unchanged = 0; unchanged < 3; unchanged++) {
        int before = now;
        sleep_ms(20);
        CHECK_EQ(ioctl(from, FIONREAD, &now), 0);
        if (now != before)
            unchanged = 0;
    }
    printf("%s: %d\n", what, now);
}

static void take(int from, long bytes)
{
    static char buffer[1 << 20];
    while (bytes > 0) {
        ssize_t got = read(from, buffer, (size_t)bytes);
        CHECK(got > 0);
        bytes -= got;
    }
}

static void fill(const char *what, int ends[2], long bytes, long taken)
{
    to = ends[1];
    atomic_store(&begun, 0);
    pthread_t thread = start(writes, NULL);
    wait_for(&begun, 1);
    said(what, ends[0]);
    take(ends[0], taken);
    said(what, ends[0]);
    take(ends[0], bytes - taken);
    CHECK_EQ((long)join(thread), bytes - (what[0] == 'p'));
    said(what, ends[0]);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

int main(void)
{
    static char data[1 << 20];
    int ends[2];
    ticker_start();
    /* One page, with a byte in it: of 4,097 bytes one more fits into that page. */
    for (int i = 0; i < 4; i++) {
        int number = 2 + i % 2;
        CHECK_EQ(pipe(ends), 0);
        CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
        CHECK_EQ(write(ends[1], "x", 1), 1);
        /* A pipe that somebody tried to splice from does not know RWF_NOWAIT any more. */
        if (i >= 2)
            CHECK_ERRNO(splice(ends[0], NULL, ends[1], NULL, 1, 0), EINVAL);
        divide(data, 4097 - (number - 1) * 1500, 1500, number);
        fill("pipe", ends, 4098, 2);
    }
    /* More parts than are gathered for one call. */
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    divide(data, 4097, 4096, MANY);
    fill("pipe", ends, 4098 + 39 * 4096, 2);
    /* Nine tenths of what is in there go, so that the sender is told of room. */
    for (int number = 2; number <= 3; number++) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        divide(data, 600000 - (number - 1) * 133333, 133333, number);
        fill("unix", ends, 600000, 200000);
    }
    ticker_end();
    return 0;
}
