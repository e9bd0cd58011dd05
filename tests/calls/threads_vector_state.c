/* Floating-point and vector registers and the rounding mode survive a wait, thread by thread.
 * flags: -lm -mavx2
 */
#include "check.h"
#include <fenv.h>
#include <immintrin.h>

static int pipes[8][2];

__attribute__((noinline)) static double sums(int me, int *rounding)
{
    __m256d a = _mm256_set1_pd(me + 0.5), b = _mm256_set1_pd(me * 3.0);
    char byte;
    fesetround(me % 2 ? FE_UPWARD : FE_DOWNWARD);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(read(pipes[me][0], &byte, 1), 1);
        a = _mm256_add_pd(a, b);
    }
    *rounding = fegetround();
    double out[4];
    _mm256_storeu_pd(out, a);
    return out[0] + out[1] + out[2] + out[3];
}

static void *computes(void *arg)
{
    int me = (int)(long)arg, rounding;
    double got = sums(me, &rounding);
    CHECK(got == 4 * (me + 0.5 + 20 * me * 3.0));
    CHECK_EQ(rounding, me % 2 ? FE_UPWARD : FE_DOWNWARD);
    return NULL;
}

int main(void)
{
    if (!__builtin_cpu_supports("avx2")) {
        fprintf(stderr, "the processor has no AVX2\n");
        return 77;
    }
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        CHECK_EQ(pipe(pipes[i]), 0);
    for (long i = 0; i < 8; i++)
        threads[i] = start(computes, (void *)i);
    for (int round = 0; round < 20; round++) {
        sleep_ms(1);
        for (int i = 0; i < 8; i++)
            CHECK_EQ(write(pipes[i][1], "x", 1), 1);
    }
    for (int i = 0; i < 8; i++)
        join(threads[i]);
    CHECK_EQ(fegetround(), FE_TONEAREST);
    printf("done\n");
    return 0;
}
