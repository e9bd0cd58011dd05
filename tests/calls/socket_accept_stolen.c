/* Other processes take connections from a listener just when a thread here was told of them: the thread goes on waiting, the
 * others run meanwhile, a time-out and a signal still end the wait, and every connection is served once.
 */
#include "handled.h"
#include "socket_timeout.h"

#define THIEVES 3
#define CONNECTIONS 300
static int listener;

static void serve(int fd)
{
    char byte;
    CHECK(fd >= 0);
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(write(fd, &byte, 1), 1);
    CHECK_EQ(close(fd), 0);
}

static void *accepts(void *arg)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0 && errno == EINTR)
            return arg;
        serve(fd);
    }
}

/* Half of the clients come at the same time, so that looking and accepting fall apart. */
static void visits(const struct sockaddr_in *address)
{
    int fds[10];
    char byte = 'a';
    for (int i = 0; i < CONNECTIONS / 10; i++) {
        for (int k = 0; k < 10; k++) {
            fds[k] = connected_tcp(address);
            CHECK_EQ(write(fds[k], &byte, 1), 1);
        }
        for (int k = 0; k < 10; k++) {
            CHECK_EQ(read(fds[k], &byte, 1), 1);
            CHECK_EQ(read(fds[k], &byte, 1), 0);
            CHECK_EQ(close(fds[k]), 0);
        }
    }
}

/* Processes that take whatever they can, in place of the caller's threads. */
static void let_thieves_in(pid_t *thieves)
{
    for (int i = 0; i < THIEVES; i++) {
        thieves[i] = fork();
        CHECK(thieves[i] >= 0);
        if (thieves[i] == 0)
            for (;;)
                serve(accept(listener, NULL, NULL));
    }
}

static void steal_from(pthread_t acceptor, const pid_t *thieves, const struct sockaddr_in *address)
{
    visits(address);
    wait_ticks(5);
    CHECK_EQ(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
    interrupt_to_end(acceptor);
    for (int i = 0; i < THIEVES; i++) {
        CHECK_EQ(kill(thieves[i], SIGKILL), 0);
        CHECK_EQ(wait_status(thieves[i]), SIGKILL);
    }
}

int main(void)
{
    struct sockaddr_in address;
    pid_t thieves[THIEVES];
    count_signals(SIGUSR1, 0);

    listener = listen_tcp(&address, 64);
    let_thieves_in(thieves);
    ticker_start();
    steal_from(start(accepts, NULL), thieves, &address);
    set_timeout(listener, SO_RCVTIMEO, 20);
    TIMES_OUT(accept(listener, NULL, NULL), 20, EAGAIN);
    CHECK_EQ(close(listener), 0);

    /* The same with a listener that was nobody else's when the thread began to wait. */
    listener = listen_tcp(&address, 64);
    pthread_t acceptor = start(accepts, NULL);
    wait_ticks(5);
    let_thieves_in(thieves);
    steal_from(acceptor, thieves, &address);
    ticker_end();
    printf("done\n");
    return 0;
}
