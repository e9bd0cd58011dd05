/* close_range and closefrom over every descriptor, and dup2 onto many numbers, as daemons do: threads, sleeps and
 * sockets work afterwards, and the program sees no descriptor it did not open. */
#include "check.h"
#include <sys/resource.h>

static int count_open(void)
{
    int open_now = 0;
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (rlim_t fd = 3; fd < limit.rlim_cur && fd < 100000; fd++)
        open_now += fcntl((int)fd, F_GETFD) != -1;
    return open_now;
}

static void *works(void *arg)
{
    int ends[2];
    char byte;
    struct timespec time = {0, 2000000};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK(ends[0] < 20 && ends[1] < 20);
    CHECK_EQ(nanosleep(&time, NULL), 0);
    CHECK_EQ(write(ends[0], "x", 1), 1);
    CHECK_EQ(read(ends[1], &byte, 1), 1);
    close(ends[0]), close(ends[1]);
    return arg;
}

static void all(void)
{
    pthread_t first = start(works, NULL), second = start(works, NULL);
    join(first);
    join(second);
    works(NULL);
}

int main(void)
{
    ticker_start();
    CHECK_EQ(close_range(3, ~0U, 0), 0);
    all();
    closefrom(3);
    all();
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    all();
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (rlim_t fd = limit.rlim_cur - 1; fd > 2 && limit.rlim_cur - fd < 3000; fd--)
        close((int)fd);
    all();
    wait_ticks(3);
    ticker_end();
    CHECK_EQ(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
    printf("open %d\n", count_open());
    return 0;
}
