/* A signal that reaches a thread which has been woken and has not run yet: what it was woken for is taken by another
 * thread before, so its call would wait again. The handler runs all the same, and poll ends with EINTR. */
#include "handled.h"
#include <poll.h>

enum { ROUNDS = 100 };

static int ends[2];
static atomic_int waiting, ended;

/* Reads until the peer has gone; SA_RESTART begins the call again. */
static void *reads(void *arg)
{
    char byte;
    atomic_store(&waiting, 1);
    while (read(ends[0], &byte, 1) == 1)
        ;
    return arg;
}

/* Polls again and again; each signal ends it. */
static void *polls(void *arg)
{
    struct pollfd one = {ends[0], POLLIN, 0};
    atomic_store(&waiting, 1);
    for (int interrupted = 0; !atomic_load(&ended);) {
        int ready = poll(&one, 1, -1);
        if (ready == -1) {
            CHECK_EQ(errno, EINTR);
            interrupted++;
            /* The next round finds it in poll again. */
            atomic_store(&waiting, 1);
        } else {
            CHECK_EQ(ready, 1);
            sched_yield();
        }
    }
    return arg;
}

/* Wakes the thread by a byte, looks away so that it becomes ready, signals it, and takes the byte away. */
static void round_of(pthread_t thread, int round)
{
    char byte;
    int before = atomic_load(&handled);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    if (round % 2)
        usleep(0);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    (void)!recv(ends[0], &byte, 1, MSG_DONTWAIT);
    for (int i = 0; atomic_load(&handled) == before; i++) {
        CHECK(i < 10000);
        usleep(1000);
    }
}

static void with(void *(*body)(void *), int flags)
{
    pthread_t thread;
    atomic_store(&waiting, 0);
    atomic_store(&ended, 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    count_signals(SIGUSR1, flags);
    CHECK_EQ(pthread_create(&thread, NULL, body, NULL), 0);
    while (!atomic_load(&waiting))
        usleep(1000);
    usleep(10000);
    for (int round = 0; round < ROUNDS; round++)
        round_of(thread, round);
    atomic_store(&ended, 1);
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    with(reads, SA_RESTART);
    with(polls, 0);
    printf("handled %d\n", atomic_load(&handled));
    return 0;
}
