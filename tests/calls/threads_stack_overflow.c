/* A thread runs over the end of its stack: the guard page ends the process with SIGSEGV.
 * status: signal 11
 */
#define OVERFLOW_FRAME 1024
#define AT_EACH_DEPTH
#include "stack_overflow.h"

int main(void)
{
    in_small_stack(overflows, 65536);
    return 0;
}
