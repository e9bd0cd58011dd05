/* A write of no bytes to a socket whose connection is on its way waits for the connection, and holds up nobody; a signal ends it.
 * So does send(2) of no bytes.
 */
#include "handled.h"

#define CONNECTIONS 5
static int last;
static atomic_int begun;

static void *writes_nothing(void *by_send)
{
    atomic_fetch_add(&begun, 1);
    if (by_send)
        CHECK_ERRNO(send(last, "", 0, 0), EINTR);
    else
        CHECK_ERRNO(write(last, "", 0), EINTR);
    return NULL;
}

int main(void)
{
    struct sockaddr_in address;
    int fds[CONNECTIONS], listener = listen_tcp(&address, 0);
    ticker_start();
    count_signals(SIGUSR1, 0);
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK_ERRNO(connect(fds[i], (struct sockaddr *)&address, sizeof address), EINPROGRESS);
    }
    /* The queue of the listener is full: this one stays on its way. */
    last = fds[CONNECTIONS - 1];
    CHECK_EQ(fcntl(last, F_SETFL, 0), 0);
    for (long by_send = 0; by_send < 2; by_send++) {
        pthread_t thread = start(writes_nothing, (void *)by_send);
        wait_for(&begun, (int)by_send + 1);
        wait_ticks(20);
        CHECK(!interrupt_to_end(thread));
    }
    for (int i = 0; i < CONNECTIONS; i++)
        CHECK_EQ(close(fds[i]), 0);
    CHECK_EQ(close(listener), 0);
    ticker_end();
    printf("done\n");
    return 0;
}
