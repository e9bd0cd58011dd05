/* A library with the bytes of a `syscall` in immediates, displacements, tables among its code and data: nothing of
 * that is changed, whether it is there from the start or loaded later, and the one true instruction works beside
 * other threads.
 * lib: lookalikes.c
 * flags: -ldl
 */
#include "inline_waits.h"
#include "library_copies.h"

extern long lookalike_true(long ms);
static const char table[] = "\xb8\x23\0\0\0\x0f\x05\x48\x3d\0\xf0\xff\xff\xc3";

static void looks(void *library)
{
    unsigned (*immediate)(unsigned) = (unsigned (*)(unsigned))dlsym(library, "lookalike_immediate");
    unsigned long (*address)(unsigned long) = (unsigned long (*)(unsigned long))dlsym(library, "lookalike_address");
    unsigned long (*wide)(void) = (unsigned long (*)(void))dlsym(library, "lookalike_wide");
    long (*true_one)(long) = (long (*)(long))dlsym(library, "lookalike_true");
    for (unsigned i = 0; i < 1000; i++) {
        CHECK_EQ(immediate(i), i ^ 0x050f0f05u);
        CHECK_EQ(address(i), i + 0x50f);
    }
    CHECK(wide() == 0x050f050f000000b8);
    CHECK(memcmp(dlsym(library, "lookalike_table"), table, sizeof table - 1) == 0);
    CHECK(memcmp(dlsym(library, "lookalike_data"), "\xb8\x23\0\0\0\x0f\x05\xc3", 8) == 0);
    inline_sleeps(true_one);
}

int main(void)
{
    copy_library((void *)lookalike_true, 1);
    ticker_start();
    looks(RTLD_DEFAULT);
    void *library = dlopen(copy_name(0), RTLD_NOW | RTLD_LOCAL);
    CHECK(library);
    looks(library);
    CHECK_EQ(dlclose(library), 0);
    ticker_end();
    remove_copies(1);
    printf("done\n");
    return 0;
}
