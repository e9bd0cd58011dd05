/* sched_yield lets the others go on: threads that wait for each other in a yielding loop all finish. */
#include "check.h"

#define THREADS 5
static atomic_int turn;

static void *takes_turns(void *arg)
{
    int me = (int)(long)arg;
    for (int i = 0; i < 200; i++) {
        while (atomic_load(&turn) % THREADS != me)
            CHECK_EQ(sched_yield(), 0);
        atomic_fetch_add(&turn, 1);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(takes_turns, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("turns %d\n", atomic_load(&turn));
    return 0;
}
