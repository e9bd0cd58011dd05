/* Eight processes, each with two threads in accept(2) on one listener: a connection wakes the one that gets it, and not all
 * of them. Counted are the times that any kernel thread of theirs went to sleep.
 */
#include "listener_children.h"

#define PROCESSES 8
#define CONNECTIONS 40
/* Once natively; a kernel thread that accepts for another one has to wake it. All of them would be eight or more. */
#define MOST_SLEEPS_EACH 4
static int listener;

static void *serves(void *arg)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, "x", 1), 1);
        CHECK_EQ(close(fd), 0);
    }
    return arg;
}

static void one_connection(const struct sockaddr_in *address)
{
    char byte;
    int fd = connected_tcp(address);
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_EQ(close(fd), 0);
}

int main(void)
{
    struct sockaddr_in address;
    pid_t children[PROCESSES];
    listener = listen_tcp(&address, 64);
    begin_children(children, PROCESSES, 2, serves);
    for (int i = 0; i < 2 * PROCESSES; i++)
        one_connection(&address);
    long before = sleeps_of_all(children, PROCESSES);
    for (int i = 0; i < CONNECTIONS; i++)
        one_connection(&address);
    long sleeps = sleeps_of_all(children, PROCESSES) - before;
    if (getenv("SHOW_SLEEPS"))
        dprintf(2, "%ld sleeps for %d connections\n", sleeps, CONNECTIONS);
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(kill(children[i], SIGKILL), 0);
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(wait_status(children[i]), SIGKILL);
    CHECK(sleeps <= CONNECTIONS * MOST_SLEEPS_EACH);
    printf("done\n");
    return 0;
}
