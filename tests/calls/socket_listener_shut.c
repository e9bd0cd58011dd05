/* shutdown() of a listener ends an accept that waits on it, as daemons stop their accepting thread: TCP and local, by the
 * listener's own number and by a duplicate, made before the first thread and after. A local one with SHUT_RD alone too.
 */
#include "check.h"
#include <sys/un.h>

static int make(int local, int index)
{
    if (!local) {
        struct sockaddr_in address;
        return listen_tcp(&address, 4);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "lichen-shut-%d-%d", getpid(), index);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(listen(fd, 4), 0);
    return fd;
}

static void *accepts(void *fd)
{
    CHECK_ERRNO(accept(*(int *)fd, NULL, NULL), EINVAL);
    return NULL;
}

static void end(int fd, int how, int by_duplicate)
{
    pthread_t thread = start(accepts, &fd);
    wait_ticks(10);
    CHECK_EQ(shutdown(by_duplicate ? dup(fd) : fd, how), 0);
    join(thread);
}

int main(void)
{
    int early[4];
    for (int i = 0; i < 4; i++)
        early[i] = make(i % 2, i);
    ticker_start();
    for (int i = 0; i < 4; i++)
        end(early[i], SHUT_RDWR, i / 2);
    for (int i = 0; i < 4; i++)
        end(make(i % 2, 4 + i), SHUT_RDWR, i / 2);
    end(make(1, 8), SHUT_RD, 0);
    ticker_end();
    printf("done\n");
    return 0;
}
