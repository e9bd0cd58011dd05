/* Loops of an OpenMP program, whose library waits by spinning and by bare futex calls.
 * flags: -fopenmp
 * env: OMP_NUM_THREADS=4
 */
#include "check.h"
#include <omp.h>

int main(void)
{
    long sum = 0;
    int threads = 0, sections = 0;
    for (int round = 0; round < 20; round++) {
#pragma omp parallel for reduction(+ : sum)
        for (int i = 0; i < 1000; i++)
            sum += i;
    }
#pragma omp parallel
    {
#pragma omp critical
        threads++;
#pragma omp barrier
#pragma omp single
        CHECK_EQ(threads, omp_get_num_threads());
    }
#pragma omp parallel sections reduction(+ : sections)
    {
#pragma omp section
        sections++;
#pragma omp section
        sections++;
    }
    printf("sum %ld, threads %d, sections %d\n", sum, threads, sections);
    return 0;
}
