/* Writes of at most PIPE_BUF bytes to a full pipe stay whole, with many waiting writers. */
#include "check.h"

#define WRITERS 10
#define BLOCK 512
static int ends[2];

static void *writes(void *arg)
{
    char block[BLOCK];
    memset(block, (int)(long)arg, sizeof block);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(write(ends[1], block, sizeof block), BLOCK);
    return NULL;
}

int main(void)
{
    pthread_t threads[WRITERS];
    CHECK_EQ(pipe(ends), 0);
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    for (long i = 0; i < WRITERS; i++)
        threads[i] = start(writes, (void *)(i + 1));
    int count[WRITERS + 1] = {0};
    for (int i = 0; i < WRITERS * 100; i++) {
        char block[BLOCK];
        size_t got = 0;
        while (got < BLOCK) {
            ssize_t size = read(ends[0], block + got, BLOCK - got);
            CHECK(size > 0);
            got += (size_t)size;
        }
        for (int j = 1; j < BLOCK; j++)
            CHECK_EQ(block[j], block[0]);
        count[(int)block[0]]++;
    }
    for (int i = 0; i < WRITERS; i++) {
        join(threads[i]);
        CHECK_EQ(count[i + 1], 100);
    }
    printf("done\n");
    return 0;
}
