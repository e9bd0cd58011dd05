/* The first thread is made after every descriptor was closed, standard ones included, and the environment cleared.
 * greens
 */
#include "activation_common.h"

int main(void)
{
    int kept = dup(1);
    CHECK_EQ(dup2(kept, 10), 10);
    for (int fd = 0; fd < 10; fd++)
        close(fd);
    closefrom(11);
    int greens = expect_greens();
    clearenv();
    if (greens)
        setenv("EXPECT_GREENS", "1", 1);
    check_threads_work(1);
    CHECK_EQ(dprintf(10, "done\n"), 5);
    return 0;
}
