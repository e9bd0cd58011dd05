/* The signals of timers on processor time (ITIMER_PROF, ITIMER_VIRTUAL), which profilers use, are handled by the thread
 * that spends it, not by the first one, which only waits.
 */
#include "check.h"

static atomic_int here, elsewhere;
static pthread_t computing;

static void handler(int number)
{
    (void)number;
    atomic_fetch_add(pthread_equal(pthread_self(), computing) ? &here : &elsewhere, 1);
}

static void *computes(void *arg)
{
    computing = pthread_self();
    struct itimerval often = {{0, 4000}, {0, 4000}}, off = {{0, 0}, {0, 0}};
    int which = (int)(long)arg;
    atomic_store(&here, 0);
    CHECK_EQ(setitimer(which, &often, NULL), 0);
    while (atomic_load(&here) < 8 && atomic_load(&elsewhere) < 8)
        ;
    CHECK_EQ(setitimer(which, &off, NULL), 0);
    return NULL;
}

int main(void)
{
    signal(SIGPROF, handler);
    signal(SIGVTALRM, handler);
    join(start(computes, (void *)ITIMER_PROF));
    join(start(computes, (void *)ITIMER_VIRTUAL));
    CHECK_EQ(atomic_load(&elsewhere), 0);
    puts("where the time goes");
    return 0;
}
