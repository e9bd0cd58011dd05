/*
 * A thread sleeps 100 us, over and over.
 * usage: sleep [TIMES]      prints sleep_total_ms and sleep_late_us, the median time by which a sleep was too long,
 * and in_kernel, whether the kernel knows the thread
 */
#include "bench.h"

enum { SLEEP_US = 100 };

static long n;
static double *late;
static int in_kernel;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *sleeper(void *argument)
{
    in_kernel = known_to_kernel();
    for (long i = 0; i < n; i++) {
        double start = now_ns();
        usleep(SLEEP_US);
        late[i] = (now_ns() - start) / 1e3 - SLEEP_US;
    }
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    n = times(argc, argv, 1000);
    late = calloc((size_t)n, sizeof *late);
    if (!late)
        return 1;
    double start = now_ns();
    must(pthread_create(&thread, NULL, sleeper, NULL), "pthread_create");
    must(pthread_join(thread, NULL), "pthread_join");
    printf("sleep_total_ms %.3f\n", (now_ns() - start) / 1e6);
    qsort(late, (size_t)n, sizeof *late, ascending);
    printf("sleep_late_us %.3f\n", late[n / 2]);
    printf("in_kernel %d\n", in_kernel);
    free(late);
    return 0;
}
