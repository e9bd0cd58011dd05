/* After prctl(PR_SET_MDWE), when memory that is writable can never become executable, the program's own `syscall`
 * instructions and those of a library that is loaded later still wait beside other threads.
 * lib: inline_library.c
 * flags: -ldl
 * greens
 * without: proc_mem
 */
#include "inline_waits.h"
#include "inline_calls.h"
#include "library_copies.h"
#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

extern long library_sleep(long ms);

int main(void)
{
    const struct inline_functions own = {inline_sleep, inline_read, inline_futex_wait, inline_call};
    struct inline_functions late = own;
    if (prctl(PR_SET_MDWE, 1L, 0L, 0L, 0L) == -1) {
        fprintf(stderr, "the kernel has no PR_SET_MDWE\n");
        return 77;
    }
    copy_library((void *)library_sleep, 1);
    inline_waits(&own);
    void *library = dlopen(copy_name(0), RTLD_NOW | RTLD_LOCAL);
    CHECK(library);
    late.sleep = (long (*)(long))dlsym(library, "library_sleep");
    late.read = (long (*)(int, void *, long))dlsym(library, "library_read");
    inline_waits(&late);
    remove_copies(1);
    printf("done\n");
    return 0;
}
