/* As threads_stack_overflow, by a function with a small frame that makes a system call at each depth: whether the end is
 * met in the function, in libc or in the call, the process dies of SIGSEGV and says nothing.
 * status: signal 11
 */
#define OVERFLOW_FRAME 16
#define AT_EACH_DEPTH sched_yield()
#include "stack_overflow.h"

int main(void)
{
    in_small_stack(overflows, 65536);
    return 0;
}
