/* Threads wait in accept and accept4 on one listener; each connection goes to exactly one, flags and addresses are
 * right, and closing or shutting down the listener acts as on Linux. */
#include "check.h"

#define THREADS 8
static int listener;
static atomic_int served, waiting;

static void *serves(void *arg)
{
    for (;;) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int odd = (long)arg % 2;
        atomic_fetch_add(&waiting, 1);
        int fd = odd ? accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC)
                     : accept(listener, (struct sockaddr *)&peer, &size);
        if (fd == -1) {
            CHECK_EQ(errno, EINVAL);
            return NULL;
        }
        CHECK_EQ(size, sizeof peer);
        CHECK_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
        CHECK_EQ(fcntl(fd, F_GETFD), odd ? FD_CLOEXEC : 0);
        CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        char byte;
        CHECK_EQ(read(fd, &byte, 1), 1);
        CHECK_EQ(write(fd, &byte, 1), 1);
        CHECK_EQ(close(fd), 0);
        atomic_fetch_add(&served, 1);
    }
}

int main(void)
{
    struct sockaddr_in address;
    pthread_t threads[THREADS];
    listener = listen_tcp(&address, 16);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(serves, (void *)i);
    wait_for(&waiting, THREADS);
    for (int i = 0; i < 200; i++) {
        char byte = (char)i, back = 0;
        int fd = connected_tcp(&address);
        CHECK_EQ(write(fd, &byte, 1), 1);
        CHECK_EQ(read(fd, &back, 1), 1);
        CHECK_EQ(back, byte);
        CHECK_EQ(read(fd, &back, 1), 0);
        CHECK_EQ(close(fd), 0);
    }
    sleep_ms(5);
    CHECK_EQ(shutdown(listener, SHUT_RDWR), 0);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("served %d\n", atomic_load(&served));
    return 0;
}
