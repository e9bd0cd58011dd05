/* SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP reach the program's handler in the thread that faults, on that thread's
 * alternate stack, with the address and code the kernel gives; ten threads fault in turn while others wait.
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

static void handler(int number, siginfo_t *info, void *context)
{
    char here;
    CHECK(&here > alternate && &here < alternate + ALTERNATE);
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

static void *faults(void *arg)
{
    stack_t stack = {.ss_size = ALTERNATE};
    stack.ss_sp = alternate = malloc(ALTERNATE);
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    for (volatile int which = 0; which < (int)COUNT_OF(expected); which++) {
        if (sigsetjmp(back, 1) == 0) {
            fault(which);
            CHECK_EQ(which, -1);
        }
        CHECK_EQ(number_seen, expected[which].number);
        CHECK_EQ(seen.si_code, expected[which].code);
        if (which < 3)
            CHECK(seen.si_addr == (which == 0 ? (char *)24 : which == 1 ? read_only : beyond));
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
    pthread_t threads[10];
    ticker_start();
    for (int i = 0; i < 10; i++)
        threads[i] = start(faults, NULL);
    for (int i = 0; i < 10; i++)
        join(threads[i]);
    faults(NULL);
    ticker_end();
    puts("every fault");
    return 0;
}
