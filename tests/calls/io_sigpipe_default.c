/* SIGPIPE by default ends a threaded process that writes where nobody reads.
 * status: signal 13
 */
#include "check.h"

static void *writes(void *arg)
{
    CHECK_EQ(write(*(int *)arg, "x", 1), 1);
    return NULL;
}

int main(void)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    ticker_start();
    CHECK_EQ(close(ends[0]), 0);
    printf("writing\n");
    fflush(stdout);
    join(start(writes, &ends[1]));
    return 0;
}
