/* While a thread waits in read, accept or recv, nobody sees O_NONBLOCK on the descriptor: not this process, not a child
 * that shares it. */
#include "check.h"

static int fds[3];
static atomic_int waiting;

static void *waits(void *arg)
{
    char byte;
    long which = (long)arg;
    atomic_fetch_add(&waiting, 1);
    if (which == 1) {
        int fd = accept(fds[1], NULL, NULL);
        CHECK(fd >= 0);
        CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    } else {
        CHECK_EQ(read(fds[which], &byte, 1), 1);
    }
    return NULL;
}

int main(void)
{
    int pipes[2], sockets[2];
    struct sockaddr_in address;
    pthread_t threads[3];
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    fds[0] = pipes[0];
    fds[1] = listen_tcp(&address, 4);
    fds[2] = sockets[0];
    for (long i = 0; i < 3; i++)
        threads[i] = start(waits, (void *)i);
    wait_for(&waiting, 3);
    sleep_ms(10);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(fcntl(fds[i], F_GETFL) & O_NONBLOCK, 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 3; i++)
            CHECK_EQ(fcntl(fds[i], F_GETFL) & O_NONBLOCK, 0);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    CHECK_EQ(write(pipes[1], "x", 1), 1);
    CHECK_EQ(write(sockets[1], "x", 1), 1);
    int client = connected_tcp(&address);
    CHECK_EQ(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    printf("done\n");
    return 0;
}
