/* A handler on an alternate stack sees the overflow of a thread's stack: SIGSEGV with SEGV_ACCERR and an address in
 * the guard page. */
#define OVERFLOW_FRAME 512
#define AT_EACH_DEPTH
#include "stack_overflow.h"

static char *guard_low, *guard_high;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    char *at = info->si_addr;
    int in_guard = at >= guard_low && at < guard_high;
    dprintf(1, "signal %d, access error %d, in guard %d\n", number, info->si_code == SEGV_ACCERR, in_guard);
    _exit(in_guard ? 0 : 1);
}

static void *overflows_on_alternate(void *arg)
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
    return overflows(arg);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    in_small_stack(overflows_on_alternate, 131072);
    return 1;
}
