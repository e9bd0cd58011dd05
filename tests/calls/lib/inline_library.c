/* System calls by `syscall` instructions of a library, for programs that load it with dlopen: no libc between. */
#include "../inline_calls.h"

long library_sleep(long ms)
{
    return inline_sleep(ms);
}

long library_read(int fd, void *to, long len)
{
    return inline_read(fd, to, len);
}

long library_futex_wait(int *word, int value)
{
    return inline_futex_wait(word, value);
}

long library_call(long number, long a, long b, long c, long d)
{
    return inline_call(number, a, b, c, d);
}
