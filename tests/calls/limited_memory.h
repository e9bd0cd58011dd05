/* A process whose memory is limited, and threads that start in it until there is none for another one. */
#ifndef LIMITED_MEMORY_H
#define LIMITED_MEMORY_H
#include "check.h"

static atomic_int memory_gate;

static void *waits_at_gate(void *arg)
{
    wait_for(&memory_gate, 1);
    return arg;
}

/* Called in a child: sets a limit of 1 GiB on its address space, starts threads with stacks of 8 MiB until there is no
 * memory for another one, ends them, and starts one more. */
static void fill_limited_memory(void)
{
    static pthread_t threads[3000];
    struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    int count = 0, rc = 0;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attr, 8 << 20), 0);
    while (count < 3000 && (rc = pthread_create(&threads[count], &attr, waits_at_gate, NULL)) == 0)
        count++;
    CHECK_EQ(rc, EAGAIN);
    CHECK(count > 0);
    atomic_store(&memory_gate, 1);
    for (int i = 0; i < count; i++)
        join(threads[i]);
    CHECK_EQ(pthread_create(&threads[0], &attr, waits_at_gate, NULL), 0);
    join(threads[0]);
}

/* The same in a child, and `then`. */
static void fill_limited_child(void (*then)(void))
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        fill_limited_memory();
        then();
        _exit(0);
    }
    CHECK_CHILD(child, 0);
}

/* A thread that uses a page of its stack. */
static void *uses_stack(void *arg)
{
    volatile char local[4096];
    for (size_t i = 0; i < sizeof local; i++)
        local[i] = 1;
    return arg;
}

#endif
