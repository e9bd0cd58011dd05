/* The first thread is made after setuid to a user with no rights: /proc/self/mem is closed to it then.
 * needs: root
 * greens
 */
#include "activation_common.h"

int main(void)
{
    CHECK_EQ(setgid(65534), 0);
    CHECK_EQ(setuid(65534), 0);
    check_threads_work(1);
    printf("done\n");
    return 0;
}
