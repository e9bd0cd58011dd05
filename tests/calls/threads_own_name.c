/* Each thread has a name of its own, by prctl(2) and by pthread_setname_np on itself; a thread that it makes, and the
 * child it forks, begin with that name.
 */
#include "check.h"
#include <sys/prctl.h>

#define THREADS 5
static atomic_int named;

static void *has_name(void *arg)
{
    char wanted[16], name[16] = "";
    snprintf(wanted, sizeof wanted, "thread %ld", (long)arg);
    if ((long)arg % 2)
        CHECK_EQ(prctl(PR_SET_NAME, wanted), 0);
    else
        CHECK_EQ(pthread_setname_np(pthread_self(), wanted), 0);
    atomic_fetch_add(&named, 1);
    wait_for(&named, THREADS);
    CHECK_EQ(prctl(PR_GET_NAME, name), 0);
    CHECK(strcmp(name, wanted) == 0);
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    CHECK(strcmp(name, wanted) == 0);
    return NULL;
}

static void *inherits(void *wanted)
{
    char name[16] = "";
    CHECK_EQ(prctl(PR_GET_NAME, name), 0);
    CHECK(strcmp(name, wanted) == 0);
    return NULL;
}

static void *hands_on(void *arg)
{
    static char own[] = "hands on";
    CHECK_EQ(prctl(PR_SET_NAME, own), 0);
    join(start(inherits, own));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        inherits(own);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    return arg;
}

static void *long_name(void *arg)
{
    char name[16] = "";
    CHECK_EQ(prctl(PR_SET_NAME, "cut after fifteen bytes"), 0);
    CHECK_EQ(prctl(PR_GET_NAME, name), 0);
    CHECK(strcmp(name, "cut after fifte") == 0);
    CHECK_EQ(pthread_setname_np(pthread_self(), "a name that is too long"), ERANGE);
    CHECK_EQ(prctl(PR_SET_NAME, ""), 0);
    CHECK_EQ(prctl(PR_GET_NAME, name), 0);
    CHECK(strcmp(name, "") == 0);
    CHECK_ERRNO(prctl(PR_SET_NAME, 8L), EFAULT);
    CHECK_ERRNO(prctl(PR_GET_NAME, 8L), EFAULT);
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    char name[16] = "";
    CHECK_EQ(prctl(PR_SET_NAME, "first"), 0);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(has_name, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    join(start(hands_on, NULL));
    join(start(long_name, NULL));
    CHECK_EQ(prctl(PR_GET_NAME, name), 0);
    CHECK(strcmp(name, "first") == 0);
    CHECK_EQ(pthread_setname_np(pthread_self(), "main's"), 0);
    CHECK_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    printf("main is %s\n", name);
    return 0;
}
