/* A kernel thread of the program's own, made by raw clone: no pthread, so no thread of Lichen's. It shares main's
 * thread-local storage, so of libc it may call syscall() alone, and main must not look at errno meanwhile.
 */
#ifndef FOREIGN_H
#define FOREIGN_H
#include "check.h"
#include <sys/mman.h>

/* What the thread does; the including file defines it. */
static void foreign_body(void);

__attribute__((noreturn, used)) static void foreign_main(void)
{
    foreign_body();
    for (;;)
        __asm__ volatile("syscall" ::"a"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
}

static void start_foreign(void)
{
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, rc;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "and $-16, %%rsp\n\t"
                     "call foreign_main\n\t"
                     "1:"
                     : "=a"(rc)
                     : "a"(SYS_clone), "D"(flags), "S"(stack + 65536), "d"(0L), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    CHECK(rc > 0);
}
#endif
