/* Many threads print and allocate at once: lines stay whole, none is lost. */
#include "check.h"

#define THREADS 20
static FILE *file;

static void *prints(void *arg)
{
    for (int i = 0; i < 50; i++) {
        char *copy = malloc((size_t)(100 + i * 37));
        sprintf(copy, "thread %ld line %d", (long)arg, i);
        fprintf(file, "%s\n", copy);
        if (i % 10 == 0)
            sched_yield();
        free(copy);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    file = tmpfile();
    CHECK(file);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(prints, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    rewind(file);
    int seen[THREADS] = {0}, lines = 0, thread, line;
    char text[100];
    while (fgets(text, sizeof text, file)) {
        CHECK_EQ(sscanf(text, "thread %d line %d\n", &thread, &line), 2);
        CHECK_EQ(seen[thread]++, line);
        lines++;
    }
    printf("lines %d\n", lines);
    return 0;
}
