/* A thread runs over the end of its stack: the guard page ends the process with SIGSEGV.
 * status: signal 11
 */
#include "check.h"
#include <sys/resource.h>

static int deeper(volatile char *above)
{
    volatile char frame[1024];
    frame[0] = above[0];
    return deeper(frame) + frame[0];
}

static void *overflow(void *arg)
{
    volatile char first[1] = {(char)(long)arg};
    return (void *)(long)deeper(first);
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
