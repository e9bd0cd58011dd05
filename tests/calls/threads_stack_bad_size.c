/* mmap(MAP_STACK) of a size that cannot be had fails as on Linux, before and while threads live. */
#include "check.h"
#include <sys/mman.h>

static void all(void)
{
    static const struct {
        size_t size;
        int error;
    } bad[] = {{(size_t)-4096, ENOMEM}, {(size_t)-1, ENOMEM}, {(size_t)1 << 63, ENOMEM}, {(size_t)1 << 48, ENOMEM}, {0, EINVAL}};
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        errno = 0;
        CHECK(mmap(NULL, bad[i].size, PROT_NONE, flags, -1, 0) == MAP_FAILED);
        CHECK_EQ(errno, bad[i].error);
        errno = 0;
        CHECK(mmap(NULL, bad[i].size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, -1, 0) == MAP_FAILED);
        CHECK_EQ(errno, bad[i].error);
    }
    void *good = mmap(NULL, 65536, PROT_READ | PROT_WRITE, flags, -1, 0);
    CHECK(good != MAP_FAILED);
    memset(good, 1, 65536);
    CHECK_EQ(munmap(good, 65536), 0);
}

static void *in_thread(void *arg)
{
    all();
    return arg;
}

int main(void)
{
    all();
    join(start(in_thread, NULL));
    all();
    printf("done\n");
    return 0;
}
