/*
 * Two threads hand a turn to each other by a mutex and two condition variables.
 * usage: handoff [ROUND-TRIPS]      prints handoff_ns, the time of one hand-off (half a round trip), and in_kernel, how many of the
 * threads the kernel knows
 */
#include "bench.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
static int turn, in_kernel;
static long rounds;

static void *play(void *argument)
{
    int me = argument != NULL;
    pthread_mutex_lock(&lock);
    in_kernel += known_to_kernel();
    for (long i = 0; i < rounds; i++) {
        while (turn != me)
            pthread_cond_wait(&changed[me], &lock);
        turn = !me;
        pthread_cond_signal(&changed[!me]);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t other[2];
    rounds = times(argc, argv, 100000);
    double start = now_ns();
    must(pthread_create(&other[0], NULL, play, NULL), "pthread_create");
    must(pthread_create(&other[1], NULL, play, &lock), "pthread_create");
    must(pthread_join(other[0], NULL), "pthread_join");
    must(pthread_join(other[1], NULL), "pthread_join");
    printf("handoff_ns %.1f\n", (now_ns() - start) / (double)(2 * rounds));
    printf("in_kernel %d\n", in_kernel);
    return 0;
}
