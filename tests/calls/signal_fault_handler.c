/* A handler for SIGSEGV on an alternate stack of each thread's own: it sees the address, the context and its own
 * thread, and may leave by siglongjmp. */
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>

static __thread sigjmp_buf back;
static __thread char *alternate;
static atomic_int faults;

static void handler(int number, siginfo_t *info, void *context)
{
    char here;
    CHECK_EQ(number, SIGSEGV);
    CHECK_EQ((long)info->si_addr, 8);
    CHECK(((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] != 0);
    CHECK(&here > alternate && &here < alternate + 65536);
    atomic_fetch_add(&faults, 1);
    siglongjmp(back, 1);
}

static void *faulty(void *arg)
{
    stack_t stack = {.ss_sp = alternate = malloc(65536), .ss_size = 65536}, old;
    CHECK_EQ(sigaltstack(&stack, &old), 0);
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    for (volatile int i = 0; i < 10; i++) {
        if (sigsetjmp(back, 1) == 0) {
            sched_yield();
            *(volatile int *)8 = 1;
            CHECK(!"the write must fault");
        }
        sleep_ms(1);
        CHECK_EQ(sigaltstack(NULL, &old), 0);
        CHECK(old.ss_sp == alternate);
    }
    stack.ss_flags = SS_DISABLE;
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    free(alternate);
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    pthread_t threads[10];
    for (int i = 0; i < 10; i++)
        threads[i] = start(faulty, NULL);
    for (int i = 0; i < 10; i++)
        join(threads[i]);
    printf("faults %d\n", atomic_load(&faults));
    return 0;
}
