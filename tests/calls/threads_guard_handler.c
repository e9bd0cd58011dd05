/* A handler on an alternate stack sees the overflow of a thread's stack: SIGSEGV with SEGV_ACCERR and an address in
 * the guard page. */
#include "check.h"

static char *guard_low, *guard_high;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    char *at = info->si_addr;
    int in_guard = at >= guard_low && at < guard_high;
    dprintf(1, "signal %d, access error %d, in guard %d\n", number, info->si_code == SEGV_ACCERR, in_guard);
    _exit(in_guard ? 0 : 1);
}

static int deeper(volatile char *above)
{
    volatile char frame[512];
    frame[0] = above[0];
    return deeper(frame) + frame[0];
}

static void *overflow(void *arg)
{
    pthread_attr_t attr;
    void *base;
    size_t size;
    stack_t alternate = {.ss_sp = malloc(65536), .ss_size = 65536};
    CHECK_EQ(sigaltstack(&alternate, NULL), 0);
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    CHECK_EQ(pthread_attr_getstack(&attr, &base, &size), 0);
    guard_low = (char *)base - 4096;
    guard_high = (char *)base + 4096;
    volatile char first[1] = {(char)(long)arg};
    return (void *)(long)deeper(first);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 131072), 0);
    CHECK_EQ(pthread_create(&thread, &attr, overflow, NULL), 0);
    join(thread);
    return 1;
}
