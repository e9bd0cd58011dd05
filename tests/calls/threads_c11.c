/* The threads of C11: thrd_create, join, detach, exit, mutexes, condition variables, thread-specific storage, once. */
#include "check.h"
#include <threads.h>

static mtx_t lock;
static cnd_t changed;
static tss_t key;
static once_flag flag = ONCE_FLAG_INIT;
static int turn, onces, destroyed;

static void once(void)
{
    onces++;
}

static void destroy(void *value)
{
    destroyed += value != NULL;
}

static int player(void *arg)
{
    int me = (int)(long)arg;
    call_once(&flag, once);
    CHECK_EQ(tss_set(key, (void *)1), thrd_success);
    CHECK_EQ(mtx_lock(&lock), thrd_success);
    for (int i = 0; i < 100; i++) {
        while (turn != me)
            CHECK_EQ(cnd_wait(&changed, &lock), thrd_success);
        turn = !me;
        CHECK_EQ(cnd_broadcast(&changed), thrd_success);
    }
    CHECK_EQ(mtx_unlock(&lock), thrd_success);
    thrd_yield();
    if (me)
        thrd_exit(40 + me);
    return 40 + me;
}

static int busy(void *arg)
{
    struct timespec at = in_ms(CLOCK_REALTIME, 10);
    CHECK_EQ(mtx_trylock(arg), thrd_busy);
    CHECK_EQ(mtx_timedlock(arg, &at), thrd_timedout);
    return 0;
}

int main(void)
{
    thrd_t threads[2];
    int result;
    CHECK_EQ(mtx_init(&lock, mtx_timed), thrd_success);
    CHECK_EQ(cnd_init(&changed), thrd_success);
    CHECK_EQ(tss_create(&key, destroy), thrd_success);
    for (long i = 0; i < 2; i++)
        CHECK_EQ(thrd_create(&threads[i], player, (void *)i), thrd_success);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(thrd_join(threads[i], &result), thrd_success);
        CHECK_EQ(result, 40 + i);
    }
    CHECK_EQ(mtx_lock(&lock), thrd_success);
    CHECK_EQ(thrd_create(&threads[0], busy, &lock), thrd_success);
    CHECK_EQ(thrd_join(threads[0], NULL), thrd_success);
    struct timespec time = {0, 5000000};
    CHECK_EQ(thrd_sleep(&time, NULL), 0);
    printf("onces %d, destroyed %d\n", onces, destroyed);
    return 0;
}
