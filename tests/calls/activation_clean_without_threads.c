/* A program that never makes a thread is never patched: no page of libc's or ld.so's text is private and dirty. One
 * that makes a thread under Lichen is (checked only when threads are expected not to be kernel threads).
 * greens
 */
#include "check.h"

/* Kilobytes of private dirty memory in the executable mappings whose name contains `name`. */
static long dirty_text(const char *name)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    CHECK(maps);
    char line[512];
    long total = 0, found = 0, kilobytes;
    int inside = 0;
    while (fgets(line, sizeof line, maps)) {
        if (strchr(line, '-') && strstr(line, " r") && strstr(line, "p ")) {
            inside = strstr(line, "r-xp") && strstr(line, name);
            found += inside;
        }
        if (inside && sscanf(line, "Private_Dirty: %ld", &kilobytes) == 1)
            total += kilobytes;
    }
    fclose(maps);
    CHECK(found > 0);
    return total;
}

static void *nothing(void *arg)
{
    return arg;
}

int main(void)
{
    char byte;
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(system("true"), 0);
    sleep_ms(1);
    CHECK_EQ(dirty_text("libc.so"), 0);
    CHECK_EQ(dirty_text("ld-linux"), 0);
    join(start(nothing, NULL));
    if (expect_greens())
        CHECK(dirty_text("libc.so") > 0);
    printf("done\n");
    return 0;
}
