/* As threads_stack_overflow, by a function with a small frame that makes a system call at each depth: whether the end is
 * met in the function, in libc or in the call, the process dies of SIGSEGV and says nothing.
 * status: signal 11
 */
#include "check.h"
#include <sys/resource.h>

static long deeper(volatile char *above)
{
    volatile char frame[16];
    frame[0] = above[0];
    sched_yield();
    return deeper(frame) + frame[0];
}

static void *overflow(void *arg)
{
    volatile char first[1] = {(char)(long)arg};
    return (void *)deeper(first);
}

int main(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 65536), 0);
    CHECK_EQ(pthread_create(&thread, &attr, overflow, NULL), 0);
    join(thread);
    return 0;
}
