/* Packets keep their bounds: sockets of type SEQPACKET and pipes in packet mode, read while waiting and not. */
#include "check.h"
#include <sys/uio.h>

static int ends[2];

static void *reads(void *arg)
{
    char buffer[64];
    (void)arg;
    for (int i = 1; i <= 20; i++) {
        struct iovec parts[2] = {{buffer, 3}, {buffer + 3, 61}};
        long size = i % 2 ? read(ends[0], buffer, sizeof buffer) : readv(ends[0], parts, 2);
        CHECK_EQ(size, i);
        for (int j = 0; j < i; j++)
            CHECK_EQ(buffer[j], i);
    }
    return NULL;
}

static void feed(void)
{
    char packet[64];
    pthread_t thread = start(reads, NULL);
    for (int i = 1; i <= 20; i++) {
        if (i % 5 == 0)
            sleep_ms(2);
        memset(packet, i, sizeof packet);
        struct iovec parts[2] = {{packet, 1}, {packet, (size_t)i - 1}};
        CHECK_EQ(i % 3 ? write(ends[1], packet, (size_t)i) : writev(ends[1], parts, 2), i);
    }
    join(thread);
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    feed();
    CHECK_EQ(pipe2(ends, O_DIRECT), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(write(ends[1], "abcdef", (size_t)i + 1), i + 1);
    char buffer[16];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(read(ends[0], buffer, 16), i + 1);
    printf("done\n");
    return 0;
}
