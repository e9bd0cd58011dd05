/* Detached threads end by themselves and can no longer be joined; a thread may detach itself. */
#include "check.h"

static atomic_int ended;

static void *work(void *arg)
{
    if (arg)
        CHECK_EQ(pthread_detach(pthread_self()), 0);
    sleep_ms(2);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

int main(void)
{
    pthread_attr_t attr;
    CHECK_EQ(pthread_attr_init(&attr), 0);
    CHECK_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
    for (int i = 0; i < 60; i++) {
        pthread_t thread;
        if (i % 3 == 0) {
            CHECK_EQ(pthread_create(&thread, &attr, work, NULL), 0);
        } else if (i % 3 == 1) {
            thread = start(work, NULL);
            CHECK_EQ(pthread_detach(thread), 0);
        } else {
            start(work, (void *)1);
        }
    }
    wait_for(&ended, 60);
    printf("ended %d\n", atomic_load(&ended));
    return 0;
}
