/* connect to a unix listener with a full backlog waits until somebody accepts, and other threads run meanwhile. */
#include "check.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t size;
static atomic_int connected, trying;

static void *connects(void *arg)
{
    (void)arg;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    atomic_fetch_add(&trying, 1);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, size), 0);
    atomic_fetch_add(&connected, 1);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    char byte;
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(close(fd), 0);
    return NULL;
}

int main(void)
{
    pthread_t threads[8];
    ticker_start();
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                       (size_t)snprintf(address.sun_path + 1, 60, "lichen-backlog-%d", getpid()));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&address, size), 0);
    CHECK_EQ(listen(listener, 0), 0);
    for (int i = 0; i < 8; i++)
        threads[i] = start(connects, NULL);
    wait_for(&trying, 8);
    wait_ticks(20);
    CHECK(atomic_load(&connected) < 8);
    for (int i = 0; i < 8; i++) {
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, "x", 1), 1);
        CHECK_EQ(close(fd), 0);
    }
    for (int i = 0; i < 8; i++)
        join(threads[i]);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), other = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, size), 0);
    CHECK_ERRNO(connect(other, (struct sockaddr *)&address, size), EAGAIN);
    ticker_end();
    printf("connected %d\n", atomic_load(&connected));
    return 0;
}
