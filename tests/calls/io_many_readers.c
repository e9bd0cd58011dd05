/* Many threads wait in read on one pipe, and on one socket from both sides: each byte goes to exactly one. */
#include "check.h"

#define READERS 20
static int ends[2];
static atomic_int seen[256];

static void *reads(void *arg)
{
    unsigned char byte;
    long count = 0;
    while (read(*(int *)arg, &byte, 1) == 1) {
        atomic_fetch_add(&seen[byte], 1);
        count++;
    }
    return (void *)count;
}

int main(void)
{
    pthread_t threads[READERS];
    CHECK_EQ(pipe(ends), 0);
    for (int i = 0; i < READERS; i++)
        threads[i] = start(reads, &ends[0]);
    for (int i = 0; i < 256; i++) {
        unsigned char byte = (unsigned char)i;
        CHECK_EQ(write(ends[1], &byte, 1), 1);
        if (i % 16 == 0)
            sleep_ms(1);
    }
    CHECK_EQ(close(ends[1]), 0);
    long total = 0;
    for (int i = 0; i < READERS; i++)
        total += (long)join(threads[i]);
    for (int i = 0; i < 256; i++)
        CHECK_EQ(atomic_load(&seen[i]), 1);
    printf("total %ld\n", total);
    return 0;
}
