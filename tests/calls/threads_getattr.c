/* pthread_getattr_np tells each thread's stack, guard and detach state truly, main's included. */
#include "check.h"

static void inspect(const char *who, size_t wanted)
{
    pthread_attr_t attr;
    void *base;
    size_t size, guard;
    int detached;
    char here;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    CHECK_EQ(pthread_attr_getstack(&attr, &base, &size), 0);
    CHECK_EQ(pthread_attr_getguardsize(&attr, &guard), 0);
    CHECK_EQ(pthread_attr_getdetachstate(&attr, &detached), 0);
    CHECK((char *)base < &here && &here < (char *)base + size);
    printf("%s: size right %d, guard %zu, joinable %d\n", who, wanted == 0 || size == wanted, guard,
           detached == PTHREAD_CREATE_JOINABLE);
    pthread_attr_destroy(&attr);
}

static void *thread(void *arg)
{
    inspect("thread", (size_t)arg);
    return NULL;
}

static void with(size_t stack, size_t guard)
{
    pthread_attr_t attr;
    pthread_t id;
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, stack), 0);
    CHECK_EQ(pthread_attr_setguardsize(&attr, guard), 0);
    CHECK_EQ(pthread_create(&id, &attr, thread, (void *)stack), 0);
    join(id);
}

int main(void)
{
    inspect("main", 0);
    with(65536, 4096);
    with(16384, 0);
    with(1 << 20, 16384);
    with(8 << 20, 4096);
    return 0;
}
