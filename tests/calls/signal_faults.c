/* SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP reach the program's handler in the thread that faults, on that thread's
 * alternate stack, with the context, address and code the kernel gives, and it may leave by siglongjmp, again and again; ten
 * threads fault in turn while others wait.
 */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static __thread sigjmp_buf back;
static __thread char *alternate;
static __thread siginfo_t seen;
static __thread int number_seen;
static char *read_only, *beyond;
#define ALTERNATE (64 << 10)
#define ROUNDS 3

static void handler(int number, siginfo_t *info, void *context)
{
    char here;
    CHECK(&here > alternate && &here < alternate + ALTERNATE);
    CHECK(((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] != 0);
    CHECK(((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP] != 0);
    seen = *info;
    number_seen = number;
    siglongjmp(back, 1);
}

static void fault(int which)
{
    volatile int zero = 0;
    switch (which) {
    case 0:
        *(volatile char *)24 = 1;
        break;
    case 1:
        *(volatile char *)read_only = 1;
        break;
    case 2:
        *(volatile char *)beyond = 1;
        break;
    case 3:
        zero = 1000 / zero;
        break;
    case 4:
        __asm__ volatile("ud2");
        break;
    case 5:
        __asm__ volatile("int3");
        break;
    case 6:
        /* An address that is none: no address is told. */
        *(volatile char *)0x8000000000000000ul = 1;
        break;
    }
}

static const struct {
    int number, code;
} expected[] = {{SIGSEGV, SEGV_MAPERR}, {SIGSEGV, SEGV_ACCERR}, {SIGBUS, BUS_ADRERR}, {SIGFPE, FPE_INTDIV},
                {SIGILL, ILL_ILLOPN},   {SIGTRAP, SI_KERNEL},   {SIGSEGV, SI_KERNEL}};

static void faults_once(const int which)
{
    number_seen = 0;
    if (sigsetjmp(back, 1) == 0) {
        fault(which);
        CHECK(!"it must fault");
    }
    CHECK_EQ(number_seen, expected[which].number);
    CHECK_EQ(seen.si_code, expected[which].code);
    if (which < 3)
        CHECK(seen.si_addr == (which == 0 ? (char *)24 : which == 1 ? read_only : beyond));
}

static void *faults(void *arg)
{
    stack_t stack = {.ss_size = ALTERNATE}, old;
    stack.ss_sp = alternate = malloc(ALTERNATE);
    CHECK_EQ(sigaltstack(&stack, &old), 0);
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    for (int i = 0; i < ROUNDS * (int)COUNT_OF(expected); i++) {
        faults_once(i % (int)COUNT_OF(expected));
        CHECK_EQ(sigaltstack(NULL, &old), 0);
        CHECK(old.ss_sp == alternate && old.ss_flags == 0);
        if (i % 2)
            sleep_ms(1);
        else
            sched_yield();
    }
    stack.ss_flags = SS_DISABLE;
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    free(alternate);
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        CHECK_EQ(sigaction(expected[i].number, &action, NULL), 0);
    read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("empty", 0);
    beyond = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(read_only != MAP_FAILED && beyond != MAP_FAILED);
    ticker_start();
    in_many_threads(10, faults);
    faults(NULL);
    ticker_end();
    puts("every fault");
    return 0;
}
