/* A thread joins the main thread, which ended by pthread_exit, and gets its value. */
#include "check.h"

static void *joins_main(void *arg)
{
    CHECK_EQ((long)join(*(pthread_t *)arg), 99);
    printf("main joined\n");
    return NULL;
}

int main(void)
{
    static pthread_t main_thread;
    main_thread = pthread_self();
    start(joins_main, &main_thread);
    pthread_exit((void *)99);
}
