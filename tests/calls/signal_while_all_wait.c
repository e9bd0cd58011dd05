/* Every thread waits for ever, main included, when another process sends a signal: the handler runs at once, and a
 * handler may end the process. */
#include "check.h"

static atomic_int ready;
static int ends[2];

static void handler(int number)
{
    if (number == SIGTERM) {
        CHECK_EQ(write(ends[1], "x", 1), 1);
    } else {
        CHECK_EQ(write(1, "ended by the handler\n", 21), 21);
        _exit(0);
    }
}

static void *waits(void *arg)
{
    char byte;
    int sockets[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    atomic_fetch_add(&ready, 1);
    CHECK_EQ(read(arg ? ends[0] : sockets[0], &byte, 1), 1);
    CHECK(arg != NULL);
    pid_t self = getpid();
    if (fork() == 0) {
        sleep_ms(20);
        kill(self, SIGINT);
        _exit(0);
    }
    pause();
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sockaddr_in address;
    CHECK_EQ(sigaction(SIGTERM, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGINT, &action, NULL), 0);
    CHECK_EQ(pipe(ends), 0);
    int listener = listen_tcp(&address, 4);
    for (long i = 0; i < 4; i++)
        start(waits, (void *)(i == 0 ? 1L : 0L));
    wait_for(&ready, 4);
    pid_t self = getpid();
    if (fork() == 0) {
        sleep_ms(30);
        kill(self, SIGTERM);
        _exit(0);
    }
    accept(listener, NULL, NULL);
    for (;;)
        pause();
}
