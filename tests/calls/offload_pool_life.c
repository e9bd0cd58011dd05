/* The kernel threads that sync for others are few, are not there in the child of a fork (which gets its own when it
 * needs them), and go away when they have had nothing to do for a while.
 * greens
 * timeout: 60
 */
#include "check.h"

#define THREADS 12
#define CHILDREN 20
static atomic_int at_work, stop;

static int own_file(void)
{
    char name[] = "/tmp/lichen-life-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0);
    CHECK_EQ(unlink(name), 0);
    return fd;
}

static void *syncs(void *arg)
{
    int fd = own_file();
    atomic_fetch_add(&at_work, 1);
    do {
        CHECK_EQ(write(fd, "x", 1), 1);
        CHECK_EQ(fsync(fd), 0);
    } while (!atomic_load(&stop));
    CHECK_EQ(close(fd), 0);
    return arg;
}

static void sync_in_threads(pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(syncs, NULL);
}

static void *in_child(void)
{
    pthread_t threads[THREADS];
    CHECK_EQ(kernel_threads(), 1);
    atomic_store(&stop, 1);
    sync_in_threads(threads);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    return NULL;
}

static void *sleeps(void *arg)
{
    while (!atomic_load(&stop))
        sleep_ms(20);
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS], company[8];
    sync_in_threads(threads);
    wait_for(&at_work, THREADS);
    CHECK_GREENS();
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            in_child();
            _exit(7);
        }
        CHECK_CHILD(child, 7);
    }
    CHECK_GREENS();
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    atomic_store(&stop, 0);
    for (int i = 0; i < 8; i++)
        company[i] = start(sleeps, NULL);
    while (expect_greens() && kernel_threads() > 1)
        sleep_ms(50);
    atomic_store(&stop, 1);
    for (int i = 0; i < 8; i++)
        join(company[i]);
    printf("done\n");
    return 0;
}
