/* Threads load and unload many libraries that have thread-local storage, while others use theirs: every thread sees
 * fresh storage of each library, and no wait inside the loader holds up the rest.
 * lib: tls_library.c
 * flags: -ldl
 */
#include "check.h"
#include <dlfcn.h>

#define COPIES 40
extern long tls_library_count(int at);
static char names[COPIES][64];
static long (*functions[COPIES])(int);

static void copy_library(void)
{
    Dl_info info;
    char folder[] = "/tmp/lichen-tls-XXXXXX";
    static char data[1 << 20];
    CHECK(dladdr((void *)tls_library_count, &info));
    int from = open(info.dli_fname, O_RDONLY);
    ssize_t size = read(from, data, sizeof data);
    CHECK(size > 0 && size < (ssize_t)sizeof data);
    CHECK(mkdtemp(folder));
    for (int i = 0; i < COPIES; i++) {
        snprintf(names[i], sizeof names[i], "%s/%d.so", folder, i);
        int to = open(names[i], O_WRONLY | O_CREAT, 0700);
        CHECK_EQ(write(to, data, (size_t)size), size);
        close(to);
    }
    close(from);
}

static void *loads(void *arg)
{
    for (int i = (int)(long)arg; i < COPIES; i += 4) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        CHECK(library);
        functions[i] = (long (*)(int))dlsym(library, "tls_library_count");
        CHECK(functions[i]);
        CHECK_EQ(functions[i](5), 1);
        sched_yield();
        void *again = dlopen("libm.so.6", RTLD_LAZY);
        CHECK(again);
        CHECK_EQ(dlclose(again), 0);
    }
    return NULL;
}

static void *uses(void *arg)
{
    for (int round = 1; round <= 5; round++) {
        for (int i = 0; i < COPIES; i++)
            CHECK_EQ(functions[i](7), round);
        sleep_ms(1);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[10];
    copy_library();
    ticker_start();
    for (long i = 0; i < 4; i++)
        threads[i] = start(loads, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    in_many_threads(10, uses);
    CHECK_EQ(functions[0](7), 1);
    ticker_end();
    for (int i = 0; i < COPIES; i++)
        unlink(names[i]);
    *strrchr(names[0], '/') = 0;
    CHECK_EQ(rmdir(names[0]), 0);
    printf("done\n");
    return 0;
}
