/* Hundreds of threads wait in accept on one listener, of this process alone or shared with a child: each connection
 * goes to one of them, waking the others costs nothing that grows with their number in kernel threads, and none is
 * forgotten when many connections come at once, a waiter is interrupted, or the listener is shut down.
 * greens
 */
#include "handled.h"

#define THREADS 200
#define ROUNDS 20
#define BURST 25
static int listener;
static struct sockaddr_in address;
static atomic_int waiting, served, interrupted, ended;

static void *serves(void *arg)
{
    (void)arg;
    for (;;) {
        atomic_fetch_add(&waiting, 1);
        int fd = accept(listener, NULL, NULL);
        if (fd == -1 && errno == EINTR) {
            atomic_fetch_add(&interrupted, 1);
            continue;
        }
        if (fd == -1) {
            CHECK_EQ(errno, EINVAL);
            atomic_fetch_add(&ended, 1);
            return NULL;
        }
        CHECK_EQ(write(fd, "s", 1), 1);
        CHECK_EQ(close(fd), 0);
        atomic_fetch_add(&served, 1);
    }
}

static void burst(pthread_t *threads)
{
    int fds[BURST];
    char byte;
    for (int i = 0; i < BURST; i++) {
        fds[i] = connected_tcp(&address);
        if (i % 8 == 0)
            CHECK_EQ(pthread_kill(threads[i], SIGUSR1), 0);
    }
    for (int i = 0; i < BURST; i++) {
        CHECK_EQ(read(fds[i], &byte, 1), 1);
        close(fds[i]);
    }
}

static void with(int shared)
{
    static pthread_t threads[THREADS];
    pthread_attr_t small;
    pid_t child = 0;
    listener = listen_tcp(&address, 64);
    if (shared) {
        child = fork();
        if (child == 0) {
            pause();
            _exit(0);
        }
    }
    atomic_store(&waiting, 0), atomic_store(&served, 0), atomic_store(&ended, 0);
    pthread_attr_init(&small);
    CHECK_EQ(pthread_attr_setstacksize(&small, 64 << 10), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], &small, serves, NULL), 0);
    wait_for(&waiting, THREADS);
    for (int i = 0; i < ROUNDS; i++) {
        burst(threads);
        CHECK_GREENS();
    }
    CHECK_EQ(shutdown(listener, SHUT_RDWR), 0);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(atomic_load(&ended), THREADS);
    CHECK_EQ(atomic_load(&served), ROUNDS * BURST);
    if (shared) {
        CHECK_EQ(kill(child, SIGKILL), 0);
        CHECK_EQ(wait_status(child), SIGKILL);
    }
    close(listener);
}

int main(void)
{
    count_signals(SIGUSR1, 0);
    ticker_start();
    with(0);
    with(1);
    ticker_end();
    printf("done\n");
    return 0;
}
