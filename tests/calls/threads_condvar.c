/* Condition variables: hand-off, broadcast, time-outs on both clocks that are never early. */
#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static int turn, rounds[2];

static void *player(void *arg)
{
    int me = (int)(long)arg;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 1000; i++) {
        while (turn != me)
            pthread_cond_wait(&turn_changed, &lock);
        rounds[me]++;
        turn = !me;
        pthread_cond_signal(&turn_changed);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void times_out(clockid_t clock)
{
    pthread_condattr_t attr;
    pthread_cond_t never;
    pthread_condattr_init(&attr);
    CHECK_EQ(pthread_condattr_setclock(&attr, clock), 0);
    CHECK_EQ(pthread_cond_init(&never, &attr), 0);
    pthread_mutex_lock(&lock);
    struct timespec at = in_ms(clock, 30), now;
    int rc;
    while ((rc = pthread_cond_timedwait(&never, &lock, &at)) == 0)
        ;
    CHECK_EQ(rc, ETIMEDOUT);
    clock_gettime(clock, &now);
    CHECK(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
    at.tv_sec -= 10;
    CHECK_EQ(pthread_cond_timedwait(&never, &lock, &at), ETIMEDOUT);
    at = in_ms(CLOCK_MONOTONIC, 10);
    while ((rc = pthread_cond_clockwait(&never, &lock, CLOCK_MONOTONIC, &at)) == 0)
        ;
    CHECK_EQ(rc, ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    CHECK_EQ(pthread_cond_destroy(&never), 0);
}

int main(void)
{
    pthread_t threads[2];
    for (long i = 0; i < 2; i++)
        threads[i] = start(player, (void *)i);
    for (int i = 0; i < 2; i++)
        join(threads[i]);
    printf("rounds %d %d\n", rounds[0], rounds[1]);
    ticker_start();
    times_out(CLOCK_REALTIME);
    times_out(CLOCK_MONOTONIC);
    ticker_end();
    printf("done\n");
    return 0;
}
