/* A thread protects pages of its own stack, as language runtimes do: the fault comes with SEGV_ACCERR, the pages work
 * again when given back, and the next thread on that stack finds it all writable. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>

static __thread sigjmp_buf back;
static __thread int code;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    code = info->si_code;
    siglongjmp(back, 1);
}

static void *guards(void *arg)
{
    pthread_attr_t attr;
    void *base;
    size_t size;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    CHECK_EQ(pthread_attr_getstack(&attr, &base, &size), 0);
    pthread_attr_destroy(&attr);
    /* getattr may report a base below the guard; the first page above it is writable for sure. */
    volatile char *page = (char *)(((uintptr_t)base + 8 * 4096) & ~4095UL);
    page[0] = 1;
    CHECK_EQ(mprotect((void *)page, 8192, PROT_NONE), 0);
    if (sigsetjmp(back, 1) == 0) {
        page[100] = 1;
        CHECK(!"the write must fault");
    }
    CHECK_EQ(code, SEGV_ACCERR);
    CHECK_EQ(mprotect((void *)page, 8192, PROT_READ), 0);
    CHECK_EQ(page[0], 1);
    CHECK_EQ(mprotect((void *)page, 8192, PROT_READ | PROT_WRITE), 0);
    page[5000] = 2;
    sleep_ms(1);
    return arg;
}

static void *fills(void *arg)
{
    char local[200000];
    memset(local, 1, sizeof local);
    sched_yield();
    return (void *)(long)(local[1000] + (arg != NULL));
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
    pthread_attr_t attr;
    pthread_t threads[4];
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 262144), 0);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 4; i++)
            CHECK_EQ(pthread_create(&threads[i], &attr, guards, NULL), 0);
        for (int i = 0; i < 4; i++)
            join(threads[i]);
        for (int i = 0; i < 4; i++)
            CHECK_EQ(pthread_create(&threads[i], &attr, fills, NULL), 0);
        for (int i = 0; i < 4; i++)
            CHECK_EQ((long)join(threads[i]), 1);
    }
    printf("done\n");
    return 0;
}
