/* A core file would hold the stack of each thread, the first and the hundredth: none lies in a mapping that is left out of it
 * (VmFlags dd, MADV_DONTDUMP). */
#include "check.h"
#include <semaphore.h>

static sem_t go;
static atomic_int looked;

/* Is the mapping of an address left out of core files? */
static int left_out(uintptr_t address)
{
    char line[4096];
    int inside = 0, found = -1;
    FILE *maps = fopen("/proc/self/smaps", "r");
    CHECK(maps);
    while (found < 0 && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = address >= from && address < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, " dd") != NULL;
    }
    fclose(maps);
    CHECK(found >= 0);
    return found;
}

static void *looks(void *arg)
{
    char here;
    if (arg)
        CHECK_EQ(left_out((uintptr_t)&here), 0);
    atomic_fetch_add(&looked, 1);
    while (sem_wait(&go) != 0)
        CHECK_EQ(errno, EINTR);
    return NULL;
}

int main(void)
{
    pthread_t threads[100];
    CHECK_EQ(sem_init(&go, 0, 0), 0);
    for (int i = 0; i < 100; i++) {
        threads[i] = start(looks, i % 16 < 2 || i == 99 ? &go : NULL);
        wait_for(&looked, i + 1);
    }
    CHECK_GREENS();
    for (int i = 0; i < 100; i++)
        CHECK_EQ(sem_post(&go), 0);
    for (int i = 0; i < 100; i++)
        join(threads[i]);
    printf("all\n");
    return 0;
}
