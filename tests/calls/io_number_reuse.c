/* Descriptor numbers are used again and again for other kinds of things while threads wait on them in turn: no stale
 * knowledge about a number survives its close. */
#include "check.h"
#include <sys/eventfd.h>

static int fd_now;

static void *reads(void *arg)
{
    char buffer[64];
    (void)arg;
    return (void *)read(fd_now, buffer, sizeof buffer);
}

static void feed(int reader, int writer, const void *data, size_t size)
{
    fd_now = reader;
    pthread_t thread = start(reads, NULL);
    sched_yield();
    CHECK_EQ(write(writer, data, size), (long)size);
    CHECK_EQ((long)join(thread), (long)size);
}

int main(void)
{
    uint64_t one = 1;
    int ends[2], numbers[4] = {0};
    for (int i = 0; i < 200; i++) {
        switch (i % 4) {
        case 0:
            CHECK_EQ(pipe(ends), 0);
            feed(ends[0], ends[1], "ab", 2);
            break;
        case 1:
            CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
            feed(ends[0], ends[1], "abc", 3);
            break;
        case 2:
            ends[0] = eventfd(0, 0);
            ends[1] = dup(ends[0]);
            feed(ends[0], ends[1], &one, 8);
            break;
        case 3:
            CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
            char byte;
            CHECK_ERRNO(read(ends[0], &byte, 1), EAGAIN);
            break;
        }
        numbers[i % 4] = ends[0];
        CHECK_EQ(close(ends[0]), 0);
        CHECK_EQ(close(ends[1]), 0);
    }
    printf("same number %d\n", numbers[0] == numbers[1] && numbers[1] == numbers[2] && numbers[2] == numbers[3]);
    return 0;
}
