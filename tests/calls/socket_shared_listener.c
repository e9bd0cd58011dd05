/* Several processes, each with threads, accept on one inherited listener: each connection is served exactly once, and
 * nobody sees the listener turned non-blocking. */
#include "listener_children.h"

#define PROCESSES 3
#define CONNECTIONS 60
static int listener;

static void *serves(void *arg)
{
    (void)arg;
    for (;;) {
        char byte;
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        CHECK_EQ(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
        if (read(fd, &byte, 1) == 1) {
            if (byte == 'q')
                _exit(0);
            CHECK_EQ(write(fd, &byte, 1), 1);
        }
        CHECK_EQ(close(fd), 0);
    }
    return NULL;
}

int main(void)
{
    struct sockaddr_in address;
    pid_t children[PROCESSES];
    listener = listen_tcp(&address, 64);
    begin_children(children, PROCESSES, 3, serves);
    for (int i = 0; i < CONNECTIONS + PROCESSES; i++) {
        char byte = i < CONNECTIONS ? 'a' : 'q', back;
        int fd = connected_tcp(&address);
        CHECK_EQ(write(fd, &byte, 1), 1);
        CHECK_EQ(read(fd, &back, 1), i < CONNECTIONS ? 1 : 0);
        CHECK_EQ(close(fd), 0);
    }
    for (int i = 0; i < PROCESSES; i++)
        CHECK_CHILD(children[i], 0);
    printf("done\n");
    return 0;
}
