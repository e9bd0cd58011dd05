/* Locks, condition variables and barriers for several processes. */
#ifndef SHARED_SYNC_H
#define SHARED_SYNC_H
#include "check.h"
#include <sys/mman.h>

/* Zeroed memory that children share. */
static UNUSED void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static UNUSED void shared_mutex(pthread_mutex_t *mutex, int robust)
{
    pthread_mutexattr_t attr;
    CHECK_EQ(pthread_mutexattr_init(&attr), 0);
    CHECK_EQ(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_mutexattr_setrobust(&attr, robust), 0);
    CHECK_EQ(pthread_mutex_init(mutex, &attr), 0);
}

static UNUSED void shared_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    CHECK_EQ(pthread_condattr_init(&attr), 0);
    CHECK_EQ(pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_cond_init(cond, &attr), 0);
}

static UNUSED void shared_barrier(pthread_barrier_t *barrier, unsigned count)
{
    pthread_barrierattr_t attr;
    CHECK_EQ(pthread_barrierattr_init(&attr), 0);
    CHECK_EQ(pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), 0);
    CHECK_EQ(pthread_barrier_init(barrier, &attr, count), 0);
}

#endif
