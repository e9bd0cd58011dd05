/* System calls by `syscall` instructions of the module that includes this, past libc. */
#ifndef INLINE_CALLS_H
#define INLINE_CALLS_H
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

static __attribute__((noinline, unused)) long inline_call(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

/* The next three have a site of their own each, with a constant number before it. */
static __attribute__((noinline, unused)) long inline_sleep(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_nanosleep), "D"(&time), "S"(0L) : "rcx", "r11", "memory");
    return result;
}

static __attribute__((noinline, unused)) long inline_read(int fd, void *to, long len)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_read), "D"((long)fd), "S"(to), "d"(len) : "rcx", "r11", "memory");
    return result;
}

static __attribute__((noinline, unused)) long inline_futex_wait(int *word, int value)
{
    long result;
    register long none __asm__("r10") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_futex), "D"(word), "S"((long)FUTEX_WAIT_PRIVATE), "d"((long)value), "r"(none)
                     : "rcx", "r11", "memory");
    return result;
}
#endif
