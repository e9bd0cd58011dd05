/* A limit on address space set by a child of a threaded process: threads start there until memory is really out, and
 * again after some have ended. */
#include "check.h"

static atomic_int open_gate;

static void *nothing(void *arg)
{
    char local[4096];
    memset(local, 1, sizeof local);
    return arg;
}

static void *waits(void *arg)
{
    wait_for(&open_gate, 1);
    return arg;
}

int main(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    join(start(nothing, NULL));
    struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        static pthread_t threads[3000];
        int count = 0, rc = 0;
        CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
        CHECK_EQ(pthread_attr_setstacksize(&attr, 8 << 20), 0);
        while (count < 3000 && (rc = pthread_create(&threads[count], &attr, waits, NULL)) == 0)
            count++;
        CHECK_EQ(rc, EAGAIN);
        CHECK(count > 0);
        atomic_store(&open_gate, 1);
        for (int i = 0; i < count; i++)
            join(threads[i]);
        CHECK_EQ(pthread_create(&threads[0], &attr, nothing, NULL), 0);
        join(threads[0]);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    printf("done\n");
    return 0;
}
