/* A blocking write of 10 MB to a slow reader returns when all is written, on pipe, unix and TCP socket; no byte is
 * lost or reordered; writev and send do the same. */
#include "check.h"
#include <sys/uio.h>

#define SIZE (10 << 20)
static unsigned char *data;
static int reader_fd;

static void *reads_slowly(void *arg)
{
    size_t got = 0;
    unsigned char buffer[65536];
    (void)arg;
    for (int round = 0;; round++) {
        if (round < 10)
            sleep_ms(2);
        ssize_t size = read(reader_fd, buffer, sizeof buffer);
        CHECK(size >= 0);
        if (size == 0)
            break;
        CHECK(memcmp(buffer, data + got, (size_t)size) == 0);
        got += (size_t)size;
    }
    return (void *)got;
}

static void transfer(const char *kind, int ends[2], int how)
{
    reader_fd = ends[0];
    pthread_t thread = start(reads_slowly, NULL);
    struct iovec parts[3] = {{data, 1000}, {data + 1000, SIZE / 2}, {data + 1000 + SIZE / 2, SIZE - 1000 - SIZE / 2}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    ssize_t sent = -1;
    switch (how) {
    case 0:
        sent = write(ends[1], data, SIZE);
        break;
    case 1:
        sent = writev(ends[1], parts, 3);
        break;
    case 2:
        sent = send(ends[1], data, SIZE, 0);
        break;
    case 3:
        sent = sendmsg(ends[1], &message, 0);
        break;
    }
    CHECK_EQ(sent, SIZE);
    CHECK_EQ(close(ends[1]), 0);
    CHECK_EQ((long)join(thread), SIZE);
    CHECK_EQ(close(ends[0]), 0);
    printf("%s %d\n", kind, how);
}

int main(void)
{
    int ends[2];
    data = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(i * 31 + i / 257);
    ticker_start();
    for (int how = 0; how < 4; how++) {
        if (how < 2) {
            CHECK_EQ(pipe(ends), 0);
            transfer("pipe", ends, how);
        }
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        transfer("unix", ends, how);
        tcp_pair(ends);
        transfer("tcp", ends, how);
    }
    ticker_end();
    return 0;
}
