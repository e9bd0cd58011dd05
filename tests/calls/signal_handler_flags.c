/* sa_mask, SA_NODEFER, SA_RESETHAND, SA_ONSTACK and what a handler may do with its context, in the first thread and in
 * others, while it waits and while it runs: the masks inside and afterwards, the stack, siglongjmp out of it, a mask and
 * registers changed in the ucontext, a handler that never returns but exits its thread.
 */
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>

static __thread volatile int depth, deepest, calls;
static __thread sigjmp_buf out;
static __thread char *alternate;
#define ALTERNATE (64 << 10)

static int blocked_now(int number)
{
    sigset_t mask;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    return sigismember(&mask, number);
}

static void install(int number, void (*function)(int, siginfo_t *, void *), int flags, int also)
{
    struct sigaction action = {.sa_sigaction = function, .sa_flags = flags | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    if (also)
        sigaddset(&action.sa_mask, also);
    CHECK_EQ(sigaction(number, &action, NULL), 0);
    struct sigaction now;
    CHECK_EQ(sigaction(number, NULL, &now), 0);
    CHECK(now.sa_sigaction == function);
    CHECK_EQ(now.sa_flags & ~0x04000000, flags | SA_SIGINFO);
    CHECK_EQ(sigismember(&now.sa_mask, also ? also : number), also != 0);
}

static void nests(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    calls++;
    if (++depth > deepest)
        deepest = depth;
    if (calls < 3)
        CHECK_EQ(pthread_kill(pthread_self(), number), 0);
    depth--;
}

static void nesting(void)
{
    install(SIGUSR1, nests, 0, 0);
    calls = deepest = 0;
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(calls, 3);
    CHECK_EQ(deepest, 1);
    install(SIGUSR1, nests, SA_NODEFER, 0);
    calls = deepest = 0;
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(calls, 3);
    CHECK_EQ(deepest, 3);
    CHECK_EQ(blocked_now(SIGUSR1), 0);
}

static void masks(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)info;
    calls++;
    CHECK_EQ(number, SIGUSR1);
    CHECK_EQ(blocked_now(SIGUSR1), 1);
    CHECK_EQ(blocked_now(SIGUSR2), 1);
    CHECK_EQ(blocked_now(SIGHUP), 1);
    CHECK_EQ(sigismember(&uc->uc_sigmask, SIGUSR1), 0);
    CHECK_EQ(sigismember(&uc->uc_sigmask, SIGUSR2), 0);
    CHECK_EQ(sigismember(&uc->uc_sigmask, SIGHUP), 1);
    /* What the handler puts here is the mask behind it. */
    sigaddset(&uc->uc_sigmask, SIGWINCH);
    sigset_t all;
    sigfillset(&all);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
}

static void masking(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    install(SIGUSR1, masks, 0, SIGUSR2);
    calls = 0;
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(calls, 1);
    CHECK_EQ(blocked_now(SIGWINCH), 1);
    CHECK_EQ(blocked_now(SIGUSR1) + blocked_now(SIGUSR2) + blocked_now(SIGTERM), 0);
    sigemptyset(&set);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
}

static void counts(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    calls++;
}

static void resetting(void)
{
    struct sigaction now;
    install(SIGURG, counts, SA_RESETHAND, 0);
    calls = 0;
    CHECK_EQ(pthread_kill(pthread_self(), SIGURG), 0);
    CHECK_EQ(pthread_kill(pthread_self(), SIGURG), 0); /* ignored by default */
    CHECK_EQ(calls, 1);
    CHECK_EQ(sigaction(SIGURG, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
}

static void on_stack(int number, siginfo_t *info, void *context)
{
    char here;
    stack_t now, other = {.ss_flags = SS_DISABLE};
    ucontext_t *uc = context;
    (void)info;
    calls++;
    CHECK_EQ(sigaltstack(NULL, &now), 0);
    int inside = &here > alternate && &here < alternate + ALTERNATE;
    CHECK_EQ(inside, number == SIGUSR1);
    CHECK_EQ(now.ss_flags, inside ? SS_ONSTACK : 0);
    CHECK(now.ss_sp == alternate);
    CHECK_EQ(now.ss_size, ALTERNATE);
    CHECK(uc->uc_stack.ss_sp == alternate);
    CHECK_EQ(uc->uc_stack.ss_size, ALTERNATE);
    if (inside)
        CHECK_ERRNO(sigaltstack(&other, NULL), EPERM);
    sleep_ms(1);
}

static void stacks(void)
{
    stack_t set = {.ss_size = ALTERNATE}, old;
    set.ss_sp = alternate = malloc(ALTERNATE);
    install(SIGUSR1, on_stack, SA_ONSTACK, 0);
    install(SIGUSR2, on_stack, 0, 0);
    CHECK_EQ(sigaltstack(&set, NULL), 0);
    calls = 0;
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR2), 0);
    CHECK_EQ(calls, 2);
    set.ss_size = 100;
    CHECK_ERRNO(sigaltstack(&set, NULL), ENOMEM);
    set.ss_flags = 55;
    CHECK_ERRNO(sigaltstack(&set, NULL), EINVAL);
    set.ss_flags = SS_DISABLE;
    CHECK_EQ(sigaltstack(&set, &old), 0);
    CHECK_EQ(old.ss_flags, 0);
    CHECK_EQ(sigaltstack(NULL, &old), 0);
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    free(alternate);
}

static void jumps(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    CHECK_EQ(blocked_now(SIGUSR1), 1);
    siglongjmp(out, 7);
}

static void *kills(void *arg)
{
    sleep_ms(5);
    CHECK_EQ(pthread_kill(*(pthread_t *)arg, SIGUSR1), 0);
    return NULL;
}

static void jumping(void)
{
    pthread_t self = pthread_self();
    install(SIGUSR1, jumps, SA_RESTART, 0);
    for (int with_mask = 0; with_mask < 2; with_mask++) {
        pthread_t other = start(kills, &self);
        volatile int waited = 0;
        if (sigsetjmp(out, with_mask) == 0) {
            waited = 1;
            for (;;)
                sleep_ms(1000);
        }
        CHECK_EQ(waited, 1);
        CHECK_EQ(blocked_now(SIGUSR1), !with_mask);
        join(other);
        sigset_t set;
        sigemptyset(&set);
        CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
    }
}

static void moves(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)number;
    (void)info;
    uc->uc_mcontext.gregs[REG_RIP] += 2;
    uc->uc_mcontext.gregs[REG_RBX] = 1234;
    calls++;
}

static void registers(void)
{
    long value = 5;
    double kept = 1.25 * (double)calls;
    install(SIGILL, moves, 0, 0);
    calls = 0;
    __asm__ volatile("mov %1, %%rbx\n\tud2\n\tmov %%rbx, %0" : "=r"(value) : "r"(value) : "rbx", "memory");
    CHECK_EQ(value, 1234);
    CHECK_EQ(calls, 1);
    CHECK(kept >= 0);
}

static void leaves(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    pthread_exit((void *)88);
}

static void *is_left(void *arg)
{
    atomic_store((atomic_int *)arg, 1);
    for (;;)
        pause();
    return NULL;
}

static void leaving(void)
{
    atomic_int ready = 0;
    install(SIGUSR1, leaves, 0, 0);
    pthread_t thread = start(is_left, &ready);
    wait_for(&ready, 1);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    CHECK_EQ((long)join(thread), 88);
}

static void *all(void *arg)
{
    nesting();
    masking();
    resetting();
    stacks();
    jumping();
    registers();
    leaving();
    return arg;
}

int main(void)
{
    all(NULL);
    in_both_threads(all);
    ticker_start();
    in_both_threads(all);
    ticker_end();
    puts("as set");
    return 0;
}
