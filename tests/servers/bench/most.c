/*
 * How many threads can live at once? Makes threads with 16 KiB stacks that wait on a condition variable, until it has
 * argv[1] of them or the system says no; then lets all go, joins them, and checks that each kept its own __thread value.
 * usage: most [THREADS]
 * prints alive, errno (0 if none), create_us (mean), resident_kib, page_tables_kib, kernel_threads, in_kernel (whether the
 * kernel knows the first thread), right (threads whose
 * thread-local value was still theirs)
 */
#include "bench.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_may_go = PTHREAD_COND_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static long waiting, right;
static int in_kernel;
static int go;
static __thread long mine;

static void *wait_for_the_end(void *argument)
{
    mine = (long)argument;
    int first = argument == NULL && known_to_kernel();
    pthread_mutex_lock(&lock);
    in_kernel |= first;
    waiting++;
    pthread_cond_signal(&arrived);
    while (!go)
        pthread_cond_wait(&all_may_go, &lock);
    right += mine == (long)argument;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static long status(const char *name)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && value < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            value = atol(line + strlen(name));
    if (file)
        fclose(file);
    return value;
}

int main(int argc, char **argv)
{
    long wanted = times(argc, argv, 1000000), alive = 0;
    int error = 0;
    pthread_t *threads = calloc((size_t)wanted, sizeof *threads);
    pthread_attr_t small;
    if (!threads)
        return 1;
    pthread_attr_init(&small);
    must(pthread_attr_setstacksize(&small, 16384), "pthread_attr_setstacksize");

    double start = now_ns();
    while (alive < wanted) {
        error = pthread_create(&threads[alive], &small, wait_for_the_end, (void *)alive);
        if (error)
            break;
        alive++;
    }
    pthread_mutex_lock(&lock);
    while (waiting < alive)
        pthread_cond_wait(&arrived, &lock);
    pthread_mutex_unlock(&lock);
    double took = now_ns() - start;

    /* Measured first and printed last: where the system refuses threads, others should not have to wait for our output. */
    long resident = status("VmRSS:"), tables = status("VmPTE:"), kernel = status("Threads:");

    pthread_mutex_lock(&lock);
    go = 1;
    pthread_cond_broadcast(&all_may_go);
    pthread_mutex_unlock(&lock);
    for (long i = 0; i < alive; i++)
        must(pthread_join(threads[i], NULL), "pthread_join");

    printf("alive %ld\nerrno %d\ncreate_us %.3f\n", alive, error, took / 1e3 / (double)(alive ? alive : 1));
    printf("in_kernel %d\nresident_kib %ld\npage_tables_kib %ld\nkernel_threads %ld\nright %ld\n", in_kernel, resident, tables, kernel, right);
    if (error)
        fprintf(stderr, "most: pthread_create: %s\n", strerror(error));
    free(threads);
    return right == alive ? 0 : 1;
}
