/* A program that is linked to run at a fixed address, far from all libraries, and carries no build id: its own `syscall`
 * instructions wait beside other threads too.
 * flags: -no-pie -fno-pie -Wl,--build-id=none
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
