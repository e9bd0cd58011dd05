/* Other processes take connections from a listener just when a thread here was told of them: the thread goes on waiting, the
 * others run meanwhile, a time-out and a signal still end the wait, and every connection is served once.
 */
#include "check.h"

#define THIEVES 3
#define CONNECTIONS 300
static int listener;
static atomic_int interrupted;

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
        if (fd < 0 && errno == EINTR) {
            atomic_store(&interrupted, 1);
            return arg;
        }
        serve(fd);
    }
}

static void handler(int number)
{
    (void)number;
}

/* Half of the clients come at the same time, so that looking and accepting fall apart. */
static void visits(const struct sockaddr_in *address)
{
    int fds[10];
    char byte = 'a';
    for (int i = 0; i < CONNECTIONS / 10; i++) {
        for (int k = 0; k < 10; k++) {
            fds[k] = socket(AF_INET, SOCK_STREAM, 0);
            CHECK_EQ(connect(fds[k], (const struct sockaddr *)address, sizeof *address), 0);
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
    while (!atomic_load(&interrupted)) {
        CHECK_EQ(pthread_kill(acceptor, SIGUSR1), 0);
        sleep_ms(5);
    }
    join(acceptor);
    for (int i = 0; i < THIEVES; i++) {
        CHECK_EQ(kill(thieves[i], SIGKILL), 0);
        CHECK_EQ(wait_status(thieves[i]), SIGKILL);
    }
}

int main(void)
{
    struct sockaddr_in address;
    pid_t thieves[THIEVES];
    struct sigaction action = {.sa_handler = handler};
    struct timeval limit = {.tv_usec = 20000};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);

    listener = listen_tcp(&address, 64);
    let_thieves_in(thieves);
    ticker_start();
    steal_from(start(accepts, NULL), thieves, &address);
    CHECK_EQ(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
    CHECK_EQ(close(listener), 0);

    /* The same with a listener that was nobody else's when the thread began to wait. */
    listener = listen_tcp(&address, 64);
    atomic_store(&interrupted, 0);
    pthread_t acceptor = start(accepts, NULL);
    wait_ticks(5);
    let_thieves_in(thieves);
    steal_from(acceptor, thieves, &address);
    ticker_end();
    printf("done\n");
    return 0;
}
