/* A program started by this one behaves the same: its threads are what this program's threads are.
 * greens
 */
#include "activation_common.h"

int main(int argc, char **argv)
{
    if (argc > 1) {
        check_threads_work(1);
        printf("child %s\n", argv[1]);
        return 0;
    }
    char command[64];
    snprintf(command, sizeof command, "/proc/%d/exe first", getpid());
    CHECK_EQ(system(command), 0);
    check_threads_work(1);
    snprintf(command, sizeof command, "/proc/%d/exe second", getpid());
    CHECK_EQ(system(command), 0);
    return 0;
}
