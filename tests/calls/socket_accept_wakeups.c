/* Eight processes, each with two threads in accept(2) on one listener: a connection wakes the one that gets it, and not all
 * of them. Counted are the times that any kernel thread of theirs went to sleep.
 */
#include "listener_children.h"

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

int main(void)
{
    struct sockaddr_in address;
    listener = listen_tcp(&address, 64);
    sleep_at_most(MOST_SLEEPS_EACH, &address, serves);
    printf("done\n");
    return 0;
}
