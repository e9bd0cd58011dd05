/* The first thread is made by the constructor of a library the program needs.
 * lib: ctor_thread.c
 * greens
 */
#include "activation_common.h"

extern int ctor_thread_sum;

int main(void)
{
    CHECK_EQ(ctor_thread_sum, 55);
    check_threads_work(1);
    printf("sum %d\n", ctor_thread_sum);
    return 0;
}
