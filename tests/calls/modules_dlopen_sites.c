/* Libraries that are loaded after threads run: their own `syscall` instructions wait beside other threads. One library
 * is unloaded and loaded again 100 times, and stays as it was at every address; two threads load others at once; the
 * process forks and its child loads one more.
 * lib: inline_library.c
 * flags: -ldl
 * greens
 */
#include "inline_waits.h"
#include "library_copies.h"

extern long library_sleep(long ms);

static void *load(int at, struct inline_functions *into)
{
    void *library = dlopen(copy_name(at), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    into->sleep = (long (*)(long))dlsym(library, "library_sleep");
    into->read = (long (*)(int, void *, long))dlsym(library, "library_read");
    into->futex_wait = (long (*)(int *, int))dlsym(library, "library_futex_wait");
    into->call = (long (*)(long, long, long, long, long))dlsym(library, "library_call");
    CHECK(into->sleep != library_sleep);
    return library;
}

static void *loads(void *arg)
{
    for (int i = 1 + (int)(long)arg; i < 9; i += 2) {
        struct inline_functions tried;
        void *library = load(i, &tried);
        CHECK_EQ(tried.sleep(2), 0);
        CHECK_EQ(tried.read(-1, NULL, 0), -EBADF);
        CHECK_EQ(dlclose(library), 0);
    }
    return NULL;
}

int main(void)
{
    struct inline_functions tried;
    copy_library((void *)library_sleep, 9);
    join(start(loads, (void *)8)); /* nothing to load: only so that there was a thread */

    void *library = load(0, &tried);
    inline_waits(&tried);
    CHECK_EQ(dlclose(library), 0);

    ticker_start();
    for (int i = 0; i < 100; i++) {
        library = load(0, &tried);
        inline_sleeps(tried.sleep);
        CHECK_EQ(dlclose(library), 0);
    }
    pthread_t a = start(loads, (void *)0), b = start(loads, (void *)1);
    join(a);
    join(b);
    ticker_end();

    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        load(3, &tried);
        inline_waits(&tried);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    remove_copies(9);
    printf("done\n");
    return 0;
}
