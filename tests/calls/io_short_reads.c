/* A short read does not lose what arrived a moment later, nor what one read could not hold: request and answer of many
 * sizes go to and fro over each stream kind.
 * timeout: 60
 */
#include "check.h"

static int ends[2];

static void *echoes(void *arg)
{
    char buffer[100];
    long total = 0, size;
    (void)arg;
    while ((size = read(ends[0], buffer, sizeof buffer)) > 0) {
        total += size;
        CHECK_EQ(write(ends[0], buffer, (size_t)size), size);
    }
    CHECK_EQ(size, 0);
    return (void *)total;
}

static void exchange(void)
{
    char out[400], in[400];
    long total = 0;
    pthread_t thread = start(echoes, NULL);
    for (int i = 0; i < 300; i++) {
        long size = (i * 37) % 399 + 1, got = 0;
        memset(out, i, sizeof out);
        CHECK_EQ(write(ends[1], out, (size_t)size / 2), size / 2);
        CHECK_EQ(write(ends[1], out, (size_t)(size - size / 2)), size - size / 2);
        while (got < size) {
            long part = read(ends[1], in + got, sizeof in - (size_t)got);
            CHECK(part > 0);
            got += part;
        }
        CHECK_EQ(got, size);
        CHECK(memcmp(in, out, (size_t)size) == 0);
        total += size;
    }
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ((long)join(thread), total);
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    exchange();
    tcp_pair(ends);
    exchange();
    printf("done\n");
    return 0;
}
