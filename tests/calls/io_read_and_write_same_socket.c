/* One thread waits to read and another to write on the same socket; neither wakes or blocks the other. */
#include "check.h"

#define SIZE (4 << 20)
static int ends[2];
static char *data;

static void *writes(void *arg)
{
    CHECK_EQ(write(*(int *)arg, data, SIZE), SIZE);
    return NULL;
}

static void *reads(void *arg)
{
    static __thread char buffer[32768];
    long total = 0, size;
    while (total < SIZE && (size = read(*(int *)arg, buffer, sizeof buffer)) > 0)
        total += size;
    return (void *)total;
}

int main(void)
{
    data = calloc(1, SIZE);
    for (int kind = 0; kind < 2; kind++) {
        if (kind)
            tcp_pair(ends);
        else
            CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        pthread_t threads[4] = {start(writes, &ends[0]), start(writes, &ends[1]), start(reads, &ends[0]),
                                start(reads, &ends[1])};
        CHECK_EQ((long)join(threads[2]), SIZE);
        CHECK_EQ((long)join(threads[3]), SIZE);
        join(threads[0]);
        join(threads[1]);
        close(ends[0]), close(ends[1]);
    }
    printf("done\n");
    return 0;
}
