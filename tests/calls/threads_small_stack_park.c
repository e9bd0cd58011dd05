/* A thread with a 16 KiB stack waits in calls of each kind: what a wait needs below the caller's frame is small. The
 * stack below is painted first; after the call the deepest changed byte is looked for. The red zone and saved registers
 * (general, and the vector state of the processor's widest vectors) may be there, and at most 1 KiB more. Bound at
 * start-up, because the linker's late binding has a large frame of its own.
 * flags: -Wl,-z,now
 */
#include "check.h"
#include <poll.h>

/* Red zone and sixteen general registers; vectors as XSAVEC lays them out (Intel SDM 1, 13.4): x87 and SSE, header, upper
 * halves, and where the processor has them eight masks and the rest of thirty-two vectors of 64 bytes. */
#define GENERAL (128 + 16 * 8)
#define NARROW (512 + 64 + 16 * 16)
#define WIDE (NARROW + 8 * 8 + 16 * 32 + 16 * 64)
#define KINDS 4
static int ends[2];
static long used[KINDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_int ready;
static int turn;

static __attribute__((noinline)) void paint(volatile char *low)
{
    volatile char *top = (volatile char *)__builtin_frame_address(0) - 256;
    for (volatile char *p = low; p < top; p++)
        *p = 0x5a;
}

static __attribute__((noinline)) void wait_in(long kind)
{
    char byte;
    struct pollfd one = {ends[0], POLLIN, 0};
    struct timespec time = {0, 5000000};
    switch (kind) {
    case 0:
        CHECK_EQ(read(ends[0], &byte, 1), 1);
        break;
    case 1:
        CHECK_EQ(poll(&one, 1, -1), 1);
        break;
    case 2:
        CHECK_EQ(nanosleep(&time, NULL), 0);
        break;
    case 3:
        pthread_mutex_lock(&lock);
        while (turn == 0)
            pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        break;
    }
}

static void *painted(void *arg)
{
    pthread_attr_t attr;
    void *base;
    size_t size;
    long kind = (long)arg;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    CHECK_EQ(pthread_attr_getstack(&attr, &base, &size), 0);
    pthread_attr_destroy(&attr);
    char *low = (char *)base + 64, *here = __builtin_frame_address(0);
    paint(low);
    atomic_store(&ready, 1);
    wait_in(kind);
    char *deepest = low;
    while (deepest < here && *(volatile char *)deepest == 0x5a)
        deepest++;
    used[kind] = here - deepest;
    return NULL;
}

int main(void)
{
    long natively[KINDS] = {512, 512, 512, 768};
    long vectors = __builtin_cpu_supports("avx512f") ? WIDE : NARROW;
    pthread_attr_t attr;
    CHECK_EQ(pipe(ends), 0);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 16384), 0);
    ticker_start();
    for (long kind = 0; kind < KINDS; kind++) {
        pthread_t thread;
        atomic_store(&ready, 0);
        CHECK_EQ(pthread_create(&thread, &attr, painted, (void *)kind), 0);
        wait_for(&ready, 1);
        wait_ticks(5);
        if (kind < 2)
            CHECK_EQ(write(ends[1], "x", 1), 1);
        pthread_mutex_lock(&lock);
        turn = kind == 3;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        join(thread);
        long allowed = natively[kind] + GENERAL + vectors + 1024;
        if (used[kind] > allowed)
            dprintf(2, "kind %ld: %ld bytes used, %ld allowed\n", kind, used[kind], allowed);
        CHECK(used[kind] <= allowed);
    }
    ticker_end();
    printf("done\n");
    return 0;
}
