/* A program's own `syscall` instructions (no libc) wait beside other threads: a sleep, a read, a futex, and a call by a
 * number that only the running program knows.
 * greens
 */
#include "inline_waits.h"
#include "inline_calls.h"

int main(void)
{
    const struct inline_functions own = {inline_sleep, inline_read, inline_futex_wait, inline_call};
    inline_waits(&own);
    printf("done\n");
    return 0;
}
