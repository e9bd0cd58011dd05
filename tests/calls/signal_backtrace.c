/* A handler that interrupts a waiting read walks the stack: the function that called read, and the thread's start, are
 * found behind it. The stack of a thread that runs is walked too.
 * flags: -fno-omit-frame-pointer -rdynamic -funwind-tables
 */
#include "check.h"
#include <execinfo.h>

static int ends[2];
static atomic_int waiting, found_reader, found_start;

__attribute__((noinline)) static long waits_in_read(void)
{
    char byte;
    long got = read(ends[0], &byte, 1);
    __asm__ volatile("" ::: "memory");
    return got;
}

__attribute__((noinline)) static void *thread(void *arg)
{
    (void)arg;
    atomic_store(&waiting, 1);
    long got = waits_in_read();
    __asm__ volatile("" ::: "memory");
    return (void *)got;
}

static int inside(void *address, const void *function, size_t size)
{
    return (char *)address > (char *)function && (char *)address <= (char *)function + size;
}

static void handler(int number)
{
    void *frames[32];
    int count = backtrace(frames, 32);
    (void)number;
    for (int i = 0; i < count; i++) {
        if (inside(frames[i], (const void *)waits_in_read, 120))
            atomic_store(&found_reader, 1);
        if (inside(frames[i], (const void *)thread, 120))
            atomic_store(&found_start, 1);
    }
}

int main(void)
{
    void *warm[4];
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    backtrace(warm, 4);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(pipe(ends), 0);
    pthread_t id = start(thread, NULL);
    wait_for(&waiting, 1);
    sleep_ms(10);
    CHECK_EQ(pthread_kill(id, SIGUSR1), 0);
    sleep_ms(10);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ((long)join(id), 1);
    printf("reader found %d, start found %d\n", atomic_load(&found_reader), atomic_load(&found_start));
    return !(atomic_load(&found_reader) && atomic_load(&found_start));
}
