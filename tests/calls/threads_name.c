/* The name of another thread, by its pthread_t: libc reads and writes /proc/self/task/TID/comm. (A thread's own name
 * is threads_own_name.c.)
 * caps: no
 */
#include "check.h"

static atomic_int stop;

static void *waits(void *arg)
{
    char name[16] = "";
    CHECK_EQ(pthread_setname_np(pthread_self(), "own name"), 0);
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    CHECK(strcmp(name, "own name") == 0);
    atomic_store(&stop, 1);
    wait_for(&stop, 2);
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    printf("thread is %s\n", name);
    return arg;
}

int main(void)
{
    char name[16] = "";
    pthread_t thread = start(waits, NULL);
    wait_for(&stop, 1);
    CHECK_EQ(pthread_getname_np(thread, name, sizeof name), 0);
    CHECK(strcmp(name, "own name") == 0);
    CHECK_EQ(pthread_setname_np(thread, "renamed"), 0);
    CHECK_EQ(pthread_getname_np(thread, name, sizeof name), 0);
    CHECK_EQ(pthread_setname_np(thread, "a name that is too long"), ERANGE);
    CHECK_EQ(pthread_setname_np(pthread_self(), "main's"), 0);
    atomic_store(&stop, 2);
    join(thread);
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    printf("main is %s\n", name);
    return 0;
}
