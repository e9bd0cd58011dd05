/* Copies of a linked library, under names of their own, so that dlopen maps them anew. */
#ifndef LIBRARY_COPIES_H
#define LIBRARY_COPIES_H
#include "check.h"
#include <dlfcn.h>

static char copies_folder[] = "/tmp/lichen-copies-XXXXXX";

/* Copies the library that defines `symbol` to `count` files: `copy_name` tells their names. */
static UNUSED const char *copy_name(int at)
{
    static __thread char name[64];
    snprintf(name, sizeof name, "%s/%d.so", copies_folder, at);
    return name;
}

static UNUSED void copy_library(void *symbol, int count)
{
    Dl_info info;
    static char data[1 << 20];
    CHECK(dladdr(symbol, &info));
    int from = open(info.dli_fname, O_RDONLY);
    ssize_t size = read(from, data, sizeof data);
    CHECK(size > 0 && size < (ssize_t)sizeof data);
    CHECK(mkdtemp(copies_folder));
    for (int i = 0; i < count; i++) {
        int to = open(copy_name(i), O_WRONLY | O_CREAT, 0700);
        CHECK_EQ(write(to, data, (size_t)size), size);
        close(to);
    }
    close(from);
}

static UNUSED void remove_copies(int count)
{
    for (int i = 0; i < count; i++)
        CHECK_EQ(unlink(copy_name(i)), 0);
    CHECK_EQ(rmdir(copies_folder), 0);
}
#endif
