/* Where address space was short when the first thread was made, fewer threads can be held. One too many gives EAGAIN
 * although its stack is there; those that live go on, and one that ends makes room for another. Plain Linux says EAGAIN
 * too, but at a number that is the machine's.
 * greens
 * native: may fail
 * timeout: 60
 */
#include "check.h"
#include <sys/mman.h>

enum { MANY = 40000, STACK = 16384, ROOM = 48 << 20 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t threads[MANY];
static long ran;

/* Waits until main lets all go. */
static void *waits(void *arg)
{
    pthread_mutex_lock(&lock);
    ran++;
    pthread_mutex_unlock(&lock);
    return arg;
}

/* From here on `room` more bytes may be mapped. */
static void leave_address_space(size_t room)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + room;
    struct rlimit limit = {most, most};
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

static char *stacks;

static int make(pthread_t *thread, long number)
{
    pthread_attr_t attr;
    CHECK_EQ(pthread_attr_init(&attr), 0);
    CHECK_EQ(pthread_attr_setstack(&attr, stacks + number * STACK, STACK), 0);
    int error = pthread_create(thread, &attr, waits, (void *)number);
    pthread_attr_destroy(&attr);
    return error;
}

int main(void)
{
    long made = 0;
    int error = 0;
    stacks = mmap(NULL, (size_t)MANY * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(stacks != MAP_FAILED);
    leave_address_space(ROOM);

    pthread_mutex_lock(&lock);
    while (made < MANY && !(error = make(&threads[made], made)))
        made++;
    CHECK_EQ(error, EAGAIN);
    CHECK(made > 1000);
    CHECK_GREENS();
    for (int i = 0; i < 10; i++)
        CHECK_EQ(make(&threads[made], made), EAGAIN);
    pthread_mutex_unlock(&lock);

    for (long i = 0; i < made; i++)
        CHECK_EQ((long)join(threads[i]), i);
    CHECK_EQ(ran, made);
    for (long i = 0; i < 100; i++) {
        CHECK_EQ(make(&threads[i], i), 0);
        CHECK_EQ((long)join(threads[i]), i);
    }
    CHECK_EQ(ran, made + 100);
    printf("done\n");
    return 0;
}
