/* pthread_atfork handlers run in order on each side; a lock taken before and released after works in the child. */
#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char order[16];
static int at;

static void prepare(void)
{
    pthread_mutex_lock(&lock);
    order[at++] = 'p';
}

static void parent(void)
{
    order[at++] = 'a';
    pthread_mutex_unlock(&lock);
}

static void child_side(void)
{
    order[at++] = 'c';
    pthread_mutex_unlock(&lock);
}

static void *locks(void *arg)
{
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&lock);
        sched_yield();
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

int main(void)
{
    CHECK_EQ(pthread_atfork(prepare, parent, child_side), 0);
    pthread_t thread = start(locks, NULL);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            pthread_mutex_lock(&lock);
            pthread_mutex_unlock(&lock);
            join(start(locks, NULL));
            _exit(order[at - 1] == 'c' ? 0 : 1);
        }
        CHECK_CHILD(child, 0);
    }
    join(thread);
    printf("order %s\n", order);
    return 0;
}
