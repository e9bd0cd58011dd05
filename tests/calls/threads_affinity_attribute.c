/* A thread made with an affinity attribute, and one with explicit scheduling, start and see their settings. */
#include "check.h"

static void *asks(void *arg)
{
    cpu_set_t set;
    CHECK_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    CHECK(CPU_EQUAL(&set, (cpu_set_t *)arg));
    return NULL;
}

static void *nothing(void *arg)
{
    return arg;
}

int main(void)
{
    cpu_set_t all;
    pthread_attr_t attr;
    pthread_t thread;
    struct sched_param param = {0};
    CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setaffinity_np(&attr, sizeof all, &all), 0);
    CHECK_EQ(pthread_create(&thread, &attr, asks, &all), 0);
    join(thread);
    pthread_attr_destroy(&attr);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED), 0);
    CHECK_EQ(pthread_attr_setschedpolicy(&attr, SCHED_OTHER), 0);
    CHECK_EQ(pthread_attr_setschedparam(&attr, &param), 0);
    CHECK_EQ(pthread_create(&thread, &attr, nothing, NULL), 0);
    join(thread);
    printf("done\n");
    return 0;
}
