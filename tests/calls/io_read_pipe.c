/* A thread waits in read() on a pipe; another one runs meanwhile. */
#include "check.h"

static int pipe_ends[2];

static void *reader(void *arg)
{
    (void)arg;
    char buffer[16] = "";
    CHECK_EQ(read(pipe_ends[0], buffer, sizeof buffer), 5);
    CHECK(memcmp(buffer, "hello", 5) == 0);
    CHECK_EQ(read(pipe_ends[0], buffer, sizeof buffer), 0);
    return NULL;
}

int main(void)
{
    CHECK_EQ(pipe(pipe_ends), 0);
    ticker_start();
    pthread_t thread = start(reader, NULL);
    wait_ticks(5);
    CHECK_EQ(write(pipe_ends[1], "hello", 5), 5);
    wait_ticks(5);
    CHECK_EQ(close(pipe_ends[1]), 0);
    join(thread);
    ticker_end();
    printf("done\n");
    return 0;
}
