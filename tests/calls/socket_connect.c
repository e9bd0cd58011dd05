/* Many threads connect at once to a listener that begins to accept late; connected UDP; every socket stays blocking. */
#include "check.h"

#define THREADS 50
static struct sockaddr_in address;
static int listener;

static void *connects(void *arg)
{
    char byte = (char)(long)arg, back = 0;
    int fd = connected_tcp(&address);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(send(fd, &byte, 1, 0), 1);
    CHECK_EQ(recv(fd, &back, 1, 0), 1);
    CHECK_EQ(back, byte + 1);
    CHECK_EQ(close(fd), 0);
    return NULL;
}

static void *serves(void *arg)
{
    (void)arg;
    for (int i = 0; i < THREADS; i++) {
        char byte;
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        CHECK_EQ(recv(fd, &byte, 1, 0), 1);
        byte++;
        CHECK_EQ(send(fd, &byte, 1, 0), 1);
        CHECK_EQ(close(fd), 0);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    listener = listen_tcp(&address, 64);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(connects, (void *)i);
    sleep_ms(5);
    pthread_t server = start(serves, NULL);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    join(server);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(connect(udp, (struct sockaddr *)&address, sizeof address), 0);
    printf("done\n");
    return 0;
}
