/* Out of descriptors: accept, pipe, open and socket fail with EMFILE as on Linux, nothing is lost, threads still start,
 * and all goes on when some are closed. */
#include "check.h"
#include <sys/resource.h>

static void *works(void *arg)
{
    sleep_ms(1);
    return arg;
}

int main(void)
{
    struct sockaddr_in address;
    struct rlimit limit = {64, 64};
    int fds[64], count = 0, ends[2];
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int listener = listen_tcp(&address, 8), client = socket(AF_INET, SOCK_STREAM, 0);
    ticker_start();
    CHECK_EQ(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    while ((fds[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    CHECK_EQ(errno, EMFILE);
    CHECK(count > 30);
    CHECK_ERRNO(accept(listener, NULL, NULL), EMFILE);
    CHECK_ERRNO(pipe(ends), EMFILE);
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, 0), EMFILE);
    CHECK_ERRNO(dup(listener), EMFILE);
    CHECK_EQ((long)join(start(works, (void *)3)), 3);
    wait_ticks(3);
    CHECK_EQ(close(fds[--count]), 0);
    int server = accept(listener, NULL, NULL);
    CHECK(server >= 0);
    CHECK_EQ(write(client, "x", 1), 1);
    char byte;
    CHECK_EQ(read(server, &byte, 1), 1);
    ticker_end();
    printf("done\n");
    return 0;
}
