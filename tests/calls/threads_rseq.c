/* rseq(2): natively libc registers an area per thread and the kernel keeps the CPU's number there. Where threads are no
 * kernel threads the kernel must not write to it (it would mean whichever thread runs), and libc must know: the number
 * is negative then, and sched_getcpu asks the kernel instead.
 * greens
 */
#include "check.h"
#include <dlfcn.h>

/* The first words of struct rseq. */
struct area {
    uint32_t cpu_id_start;
    int32_t cpu_id;
};

static ptrdiff_t *offset;

static const volatile struct area *own_area(void)
{
    return (const volatile struct area *)((char *)__builtin_thread_pointer() + *offset);
}

/* Looks again and again, so that a kernel that still writes gets time to. */
static void *looks(void *arg)
{
    int cpus = (int)sysconf(_SC_NPROCESSORS_CONF);
    for (int i = 0; i < 20; i++) {
        int cpu = sched_getcpu();
        CHECK(cpu >= 0 && cpu < cpus);
        if (expect_greens())
            CHECK(own_area()->cpu_id < 0);
        sleep_ms(1);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[10];
    offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
    unsigned *size = dlsym(RTLD_DEFAULT, "__rseq_size");
    if (!offset || !size || !*size) {
        fprintf(stderr, "libc registers no rseq area here\n");
        return 77;
    }
    CHECK(own_area()->cpu_id >= 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = start(looks, NULL);
    CHECK_GREENS();
    looks(NULL);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        join(threads[i]);
    looks(NULL);
    printf("sched_getcpu ok\n");
    return 0;
}
