/* A thread with a 16 KiB stack waits in read(): what the wait needs below the caller's frame is small. The stack below
 * is painted first; after the call the deepest changed byte is looked for. Saved registers (general, and vector state
 * of up to 2,816 bytes) may be there, and at most 1 KiB more. */
#include "check.h"

#define SAVED_REGISTERS (128 + 16 * 8 + 2816)
static int pipe_ends[2];
static long used;

static void *painted(void *arg)
{
    (void)arg;
    char byte;
    pthread_attr_t attr;
    void *base;
    size_t size;
    CHECK_EQ(read(pipe_ends[0], &byte, 1), 1);
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    CHECK_EQ(pthread_attr_getstack(&attr, &base, &size), 0);
    pthread_attr_destroy(&attr);
    char *low = (char *)base + 64;
    char *here = (char *)__builtin_frame_address(0) - 1024;
    for (volatile char *p = low; p < here; p++)
        *p = 0x5a;
    long got = read(pipe_ends[0], &byte, 1);
    char *deepest = low;
    while (deepest < here && *(volatile char *)deepest == 0x5a)
        deepest++;
    used = here - deepest;
    CHECK_EQ(got, 1);
    return NULL;
}

int main(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    CHECK_EQ(pipe(pipe_ends), 0);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 16384), 0);
    CHECK_EQ(pthread_create(&thread, &attr, painted, NULL), 0);
    ticker_start();
    for (int i = 0; i < 2; i++) {
        wait_ticks(5);
        CHECK_EQ(write(pipe_ends[1], "x", 1), 1);
    }
    join(thread);
    ticker_end();
    CHECK(used < SAVED_REGISTERS + 1024);
    printf("done\n");
    return 0;
}
