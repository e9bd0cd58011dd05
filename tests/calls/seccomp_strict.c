/* The strict mode of seccomp in the child of a process with threads: read, write and exit work, anything else kills.
 * stderr: any
 */
#include "check.h"
#include <linux/seccomp.h>
#include <sys/prctl.h>

static void *nothing(void *arg)
{
    return arg;
}

int main(void)
{
    int ends[2];
    join(start(nothing, NULL));
    CHECK_EQ(pipe(ends), 0);
    for (int kills = 0; kills < 2; kills++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            char bytes[3] = {0};
            CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), 0);
            CHECK_EQ(write(ends[1], "abc", 3), 3);
            CHECK_EQ(read(ends[0], bytes, 3), 3);
            CHECK(bytes[0] == 'a' && bytes[2] == 'c');
            if (kills)
                syscall(SYS_getppid);
            syscall(SYS_exit, 7);
        }
        int status = wait_status(child);
        printf("wait status %#x\n", status);
        CHECK_EQ(status, kills ? SIGKILL : 7 << 8);
    }
    return 0;
}
