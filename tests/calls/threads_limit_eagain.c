/* Where the process may have no more memory for a stack, pthread_create says EAGAIN and everything else goes on. */
#include "check.h"

static void *nothing(void *arg)
{
    return arg;
}

int main(void)
{
    join(start(nothing, NULL));
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)1 << 47), 0);
    CHECK_EQ(pthread_create(&thread, &attr, nothing, NULL), EAGAIN);
    CHECK_EQ((long)join(start(nothing, (void *)4)), 4);
    printf("done\n");
    return 0;
}
