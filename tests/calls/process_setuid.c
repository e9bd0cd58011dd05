/* setuid in a threaded process changes every thread, returns, and files opened afterwards are opened with the new
 * identity.
 * needs: root
 */
#include "check.h"

static atomic_int waiting, changed;

static void *checks(void *arg)
{
    atomic_fetch_add(&waiting, 1);
    wait_for(&changed, 1);
    CHECK_EQ(getuid(), 65534);
    CHECK_EQ(geteuid(), 65534);
    CHECK_ERRNO(open("/etc/shadow", O_RDONLY), EACCES);
    CHECK_ERRNO(setuid(0), EPERM);
    return arg;
}

int main(void)
{
    pthread_t threads[10];
    for (int i = 0; i < 10; i++)
        threads[i] = start(checks, NULL);
    wait_for(&waiting, 10);
    CHECK_EQ(setgid(65534), 0);
    CHECK_EQ(setuid(65534), 0);
    atomic_store(&changed, 1);
    for (int i = 0; i < 10; i++)
        join(threads[i]);
    CHECK_EQ((long)join(start(checks, (void *)2)), 2);
    CHECK_ERRNO(open("/etc/shadow", O_RDONLY), EACCES);
    printf("done\n");
    return 0;
}
