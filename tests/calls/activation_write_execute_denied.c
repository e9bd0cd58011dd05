/* The first thread is made after prctl(PR_SET_MDWE): memory that is writable can never become executable (systemd's
 * MemoryDenyWriteExecute).
 * greens
 * without: proc_mem
 */
#include "activation_common.h"
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

int main(void)
{
    if (prctl(PR_SET_MDWE, 1L, 0L, 0L, 0L) == -1) {
        fprintf(stderr, "the kernel has no PR_SET_MDWE\n");
        return 77;
    }
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(mprotect(page, 4096, PROT_READ | PROT_EXEC), EACCES);
    check_threads_work(1);
    printf("done\n");
    return 0;
}
