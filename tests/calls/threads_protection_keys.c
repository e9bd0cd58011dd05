/* Each thread has rights of its own to pages with a protection key, and keeps them over waits, while it computes for so long
 * that others have their turn, and over a signal handler; a new thread has its maker's. */
#include "check.h"
#include <sys/mman.h>

#define THREADS 4
static int key;
static volatile char *page;
static pthread_barrier_t barrier;
static atomic_int handled;

static void handler(int number)
{
    atomic_fetch_add(&handled, number == SIGUSR1);
}

static void check_rights(int rights)
{
    CHECK_EQ(pkey_get(key), rights);
    if (!(rights & PKEY_DISABLE_ACCESS))
        CHECK_EQ(*page, 7);
    if (!rights)
        *page = 7;
}

static void *has_mine(void *rights)
{
    check_rights((int)(long)rights);
    return NULL;
}

static void *keeps(void *arg)
{
    static const int all[] = {0, PKEY_DISABLE_WRITE, PKEY_DISABLE_ACCESS, PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE};
    int rights = all[(long)arg];
    CHECK_EQ(pkey_set(key, (unsigned)rights), 0);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 10; i++) {
        sleep_ms(1);
        check_rights(rights);
    }
    for (int64_t end = now_ns() + 60000000; now_ns() < end;)
        check_rights(rights);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    check_rights(rights);
    join(start(has_mine, (void *)(long)rights));
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    key = pkey_alloc(0, 0);
    if (key == -1)
        LACKS("protection keys");
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    *page = 7;
    CHECK_EQ(pkey_mprotect((void *)page, 4096, PROT_READ | PROT_WRITE, key), 0);
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(keeps, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(atomic_load(&handled), THREADS);
    check_rights(0);
    printf("done\n");
    return 0;
}
