/* A library with a `syscall` instruction of its own, between a load and a store of every register that the kernel keeps.
 *
 * void stub(struct stub *s): loads the registers from `s->in`, makes the call (inline if `s->function` is null, else by
 * calling that function), and stores them into `s->out`. */
#include "stub.h"
#include <stddef.h>

#define AT(field) offsetof(struct stub, field)

__attribute__((naked, noinline)) void stub(UNUSED_ARG struct stub *s)
{
    __asm__ volatile(
        "push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
        "sub $24, %%rsp\n"
        "mov %%rdi, 8(%%rsp)\n"
        "stmxcsr 16(%%rsp)\n"
        "mov %%rdi, %%rcx\n"
        "ldmxcsr %c[mxcsr](%%rcx)\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "vmovdqu %c[in_vector]+32*\\n(%%rcx), %%ymm\\n\n"
        ".endr\n"
        "mov %c[in]+0(%%rcx), %%rbx\n mov %c[in]+8(%%rcx), %%rbp\n"
        "mov %c[in]+16(%%rcx), %%r12\n mov %c[in]+24(%%rcx), %%r13\n"
        "mov %c[in]+32(%%rcx), %%r14\n mov %c[in]+40(%%rcx), %%r15\n"
        "mov %c[in]+48(%%rcx), %%rdi\n mov %c[in]+56(%%rcx), %%rsi\n"
        "mov %c[in]+64(%%rcx), %%rdx\n mov %c[in]+72(%%rcx), %%r10\n"
        "mov %c[in]+80(%%rcx), %%r8\n mov %c[in]+88(%%rcx), %%r9\n"
        "cmpq $0, %c[function](%%rcx)\n"
        "mov %c[number](%%rcx), %%rax\n"
        "jne 1f\n"
        "mov %c[number](%%rcx), %%rax\n"
        "syscall\n"
        "jmp 2f\n"
        "1:\n"
        "call *%c[function](%%rcx)\n"
        "2:\n"
        "mov 8(%%rsp), %%rcx\n"
        "mov %%rax, %c[result](%%rcx)\n"
        "mov %%rbx, %c[out]+0(%%rcx)\n mov %%rbp, %c[out]+8(%%rcx)\n"
        "mov %%r12, %c[out]+16(%%rcx)\n mov %%r13, %c[out]+24(%%rcx)\n"
        "mov %%r14, %c[out]+32(%%rcx)\n mov %%r15, %c[out]+40(%%rcx)\n"
        "mov %%rdi, %c[out]+48(%%rcx)\n mov %%rsi, %c[out]+56(%%rcx)\n"
        "mov %%rdx, %c[out]+64(%%rcx)\n mov %%r10, %c[out]+72(%%rcx)\n"
        "mov %%r8, %c[out]+80(%%rcx)\n mov %%r9, %c[out]+88(%%rcx)\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "vmovdqu %%ymm\\n, %c[out_vector]+32*\\n(%%rcx)\n"
        ".endr\n"
        "stmxcsr %c[out_mxcsr](%%rcx)\n"
        "ldmxcsr 16(%%rsp)\n"
        "vzeroupper\n"
        "pushf\n pop %c[flags](%%rcx)\n"
        "add $24, %%rsp\n"
        "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbp\n pop %%rbx\n"
        "ret\n"
        :
        : [in] "i"(AT(in)), [in_vector] "i"(AT(in_vector)), [out] "i"(AT(out)), [out_vector] "i"(AT(out_vector)),
          [mxcsr] "i"(AT(mxcsr)), [out_mxcsr] "i"(AT(out_mxcsr)), [function] "i"(AT(function)), [number] "i"(AT(number)),
          [result] "i"(AT(result)), [flags] "i"(AT(flags)));
}

/* A function without vectors around a `syscall` instruction: its number comes in rax. */
__attribute__((naked, noinline)) void bare(void)
{
    __asm__ volatile("nop\n nop\n nop\n syscall\n ret\n");
}
