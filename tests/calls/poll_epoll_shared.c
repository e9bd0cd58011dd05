/* One epoll set shared by a pool of threads, with one-shot descriptors: each message is handled exactly once. The
 * common shape of a threaded event server. */
#include "check.h"
#include <sys/epoll.h>

#define WORKERS 6
#define PEERS 30
#define MESSAGES 40
static int set, pairs[PEERS][2], stop[2];
static atomic_int handled;

static void arm(int fd, int op, int data)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = (uint32_t)data};
    CHECK_EQ(epoll_ctl(set, op, fd, &event), 0);
}

static void *works(void *arg)
{
    (void)arg;
    for (;;) {
        struct epoll_event events[3];
        int count = epoll_wait(set, events, 3, -1);
        CHECK(count > 0);
        for (int i = 0; i < count; i++) {
            int which = (int)events[i].data.u32;
            if (which == PEERS)
                return NULL;
            char byte;
            CHECK_EQ(read(pairs[which][0], &byte, 1), 1);
            atomic_fetch_add(&handled, 1);
            CHECK_EQ(write(pairs[which][0], &byte, 1), 1);
            arm(pairs[which][0], EPOLL_CTL_MOD, which);
        }
    }
}

static void *asks(void *arg)
{
    int fd = pairs[(long)arg][1];
    for (int i = 0; i < MESSAGES; i++) {
        char byte = (char)i, back;
        CHECK_EQ(write(fd, &byte, 1), 1);
        CHECK_EQ(read(fd, &back, 1), 1);
        CHECK_EQ(back, byte);
    }
    return NULL;
}

int main(void)
{
    pthread_t workers[WORKERS], peers[PEERS];
    set = epoll_create1(0);
    CHECK_EQ(pipe(stop), 0);
    for (int i = 0; i < PEERS; i++) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        arm(pairs[i][0], EPOLL_CTL_ADD, i);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = PEERS};
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, stop[0], &event), 0);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start(works, NULL);
    for (long i = 0; i < PEERS; i++)
        peers[i] = start(asks, (void *)i);
    for (int i = 0; i < PEERS; i++)
        join(peers[i]);
    CHECK_EQ(write(stop[1], "x", 1), 1);
    for (int i = 0; i < WORKERS; i++)
        join(workers[i]);
    printf("handled %d\n", atomic_load(&handled));
    return 0;
}
