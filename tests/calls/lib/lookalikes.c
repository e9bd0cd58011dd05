/* Functions whose text holds the bytes 0f 05 where no `syscall` instruction is: in an immediate, in a displacement, in
 * data between functions that looks like code, and in read-only data. One true `syscall` stands among them. */
#include "../inline_calls.h"

const unsigned char lookalike_data[] = {0xb8, 0x23, 0, 0, 0, 0x0f, 0x05, 0xc3};
__asm__(".text\n"
        ".globl lookalike_table\n"
        ".type lookalike_table,@object\n"
        "lookalike_table:\n"
        ".byte 0xb8,0x23,0,0,0,0x0f,0x05,0x48,0x3d,0,0xf0,0xff,0xff,0xc3\n"
        ".size lookalike_table,.-lookalike_table\n");

unsigned lookalike_immediate(unsigned value)
{
    __asm__ volatile("xorl $0x050f0f05, %0" : "+r"(value));
    return value;
}

unsigned long lookalike_address(unsigned long value)
{
    unsigned long result;
    __asm__ volatile("leaq 0x50f(%1), %0" : "=r"(result) : "r"(value));
    return result;
}

unsigned long lookalike_wide(void)
{
    unsigned long result;
    __asm__ volatile("movabsq $0x050f050f000000b8, %0" : "=r"(result));
    return result;
}

long lookalike_true(long ms)
{
    return inline_sleep(ms);
}
