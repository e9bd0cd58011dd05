/* SIGPIPE is for the thread whose write failed, also for a write of no bytes to a local stream that was shut down, and before
 * the write returns. */
#include "check.h"

static __thread int mine;
static atomic_int all;

static void handler(int number)
{
    (void)number;
    mine++;
    atomic_fetch_add(&all, 1);
}

static void *writes(void *arg)
{
    int *ends = arg;
    CHECK_ERRNO(write(ends[0], "", 0), EPIPE);
    CHECK_EQ(mine, 1);
    CHECK_ERRNO(write(ends[0], "abc", 3), EPIPE);
    CHECK_EQ(mine, 2);
    CHECK_ERRNO(send(ends[0], "abc", 3, MSG_DONTWAIT), EPIPE);
    CHECK_EQ(mine, 3);
    CHECK_ERRNO(send(ends[0], "abc", 3, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(mine, 3);
    return NULL;
}

int main(void)
{
    int ends[2];
    struct sigaction action = {.sa_handler = handler};
    CHECK_EQ(sigaction(SIGPIPE, &action, NULL), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQ(shutdown(ends[0], SHUT_RDWR), 0);
    join(start(writes, ends));
    CHECK_EQ(mine, 0);
    printf("%d signals, none for the first thread\n", atomic_load(&all));
    return 0;
}
