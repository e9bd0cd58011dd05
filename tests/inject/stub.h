/* One call, and all registers before and after it. */
#ifndef STUB_H
#define STUB_H
#include <stdint.h>

#define UNUSED_ARG __attribute__((unused))

/* The order of `in` and `out`. */
enum { RBX, RBP, R12, R13, R14, R15, RDI, RSI, RDX, R10, R8, R9, GENERAL };

struct stub {
    uint64_t number;
    void *function;
    uint64_t in[GENERAL], out[GENERAL];
    uint8_t in_vector[16][32], out_vector[16][32];
    uint64_t result, flags;
    uint32_t mxcsr, out_mxcsr;
};

void stub(struct stub *s);
void bare(void);
#endif
