/* One epoll instance with thousands of descriptors and several threads that wait on it: each edge (EPOLLET) and each
 * EPOLLONESHOT event goes to one thread and comes once, also while descriptors are disarmed and armed again; level events
 * come until they are read. Then two levels of instances, and an instance that a child of fork inherits.
 * timeout: 60
 * greens
 */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define MANY 3000
#define WAITERS 6
#define ROUNDS 5

static int instance, fds[MANY], stop_fd;
static atomic_int seen[MANY], all, over;
static uint32_t flags_now;

static void arm(int at, int how)
{
    struct epoll_event event = {.events = EPOLLIN | flags_now, .data.u32 = (uint32_t)at};
    CHECK_EQ(epoll_ctl(instance, how, fds[at], &event), 0);
}

/* Takes events until told to stop: 64 at a time, with and without a time-out. */
static void *takes(void *arg)
{
    struct epoll_event events[64];
    int timeout = (long)arg % 2 ? -1 : 1000;
    for (;;) {
        int count = epoll_wait(instance, events, 64, timeout);
        CHECK(count >= 0);
        for (int i = 0; i < count; i++) {
            uint64_t value;
            int at = (int)events[i].data.u32;
            if (at == MANY)
                return NULL;
            CHECK(events[i].events == EPOLLIN);
            CHECK_EQ(read(fds[at], &value, 8), 8); /* would wait for ever if the event had come twice */
            CHECK_EQ(value, 1);
            atomic_fetch_add(&seen[at], 1);
            atomic_fetch_add(&all, 1);
            if (flags_now & EPOLLONESHOT)
                arm(at, EPOLL_CTL_MOD);
        }
    }
}

static void round_of_events(int round)
{
    uint64_t one = 1;
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(write(fds[(i * 7 + round) % MANY], &one, 8), 8);
    wait_for(&all, MANY * (round + 1));
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(atomic_load(&seen[i]), round + 1);
}

static void each_to_one(uint32_t flags)
{
    pthread_t waiters[WAITERS];
    uint64_t one = 1;
    flags_now = flags;
    instance = epoll_create1(EPOLL_CLOEXEC);
    stop_fd = eventfd(0, 0);
    for (int i = 0; i < MANY; i++) {
        atomic_store(&seen[i], 0);
        CHECK((fds[i] = eventfd(0, 0)) >= 0);
        arm(i, EPOLL_CTL_ADD);
    }
    struct epoll_event stop = {.events = EPOLLIN, .data.u32 = MANY};
    CHECK_EQ(epoll_ctl(instance, EPOLL_CTL_ADD, stop_fd, &stop), 0);
    atomic_store(&all, 0);
    for (long i = 0; i < WAITERS; i++)
        waiters[i] = start(takes, (void *)i);
    wait_ticks(3);
    CHECK_GREENS();
    for (int round = 0; round < ROUNDS; round++)
        round_of_events(round);
    CHECK_EQ(write(stop_fd, &one, 8), 8);
    for (int i = 0; i < WAITERS; i++)
        join(waiters[i]);
    struct epoll_event none;
    CHECK_EQ(epoll_ctl(instance, EPOLL_CTL_DEL, stop_fd, NULL), 0);
    CHECK_EQ(epoll_wait(instance, &none, 1, 0), 0);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    close(stop_fd);
    close(instance);
}

/* Level: the event is there until the descriptor is read. */
static void level(void)
{
    uint64_t value = 1;
    struct epoll_event event;
    flags_now = EPOLLWAKEUP; /* without the capability for it, it is ignored */
    instance = epoll_create1(0);
    CHECK((fds[0] = eventfd(0, 0)) >= 0);
    event = (struct epoll_event){.events = EPOLLIN | EPOLLWAKEUP};
    CHECK_EQ(epoll_ctl(instance, EPOLL_CTL_ADD, fds[0], &event), 0);
    CHECK_EQ(write(fds[0], &value, 8), 8);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(epoll_wait(instance, &event, 1, -1), 1);
    CHECK_EQ(read(fds[0], &value, 8), 8);
    CHECK_EQ(epoll_wait(instance, &event, 1, 0), 0);
    event.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    CHECK_EQ(epoll_ctl(instance, EPOLL_CTL_DEL, fds[0], NULL), 0);
    CHECK_ERRNO(epoll_ctl(instance, EPOLL_CTL_ADD, fds[0], &event), EINVAL);
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    CHECK_EQ(epoll_ctl(instance, EPOLL_CTL_ADD, fds[0], &event), 0);
    CHECK_ERRNO(epoll_ctl(instance, EPOLL_CTL_MOD, fds[0], &event), EINVAL);
    close(fds[0]);
    close(instance);
}

/* Several instances have one descriptor, exclusively: an event wakes at least one of their waiters, and is taken once. */
static void *takes_exclusively(void *arg)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int own = epoll_create1(0);
    uint64_t value;
    (void)arg;
    CHECK_EQ(epoll_ctl(own, EPOLL_CTL_ADD, fds[0], &event), 0);
    atomic_fetch_add(&seen[0], 1);
    while (!atomic_load(&over)) {
        int count = epoll_wait(own, &event, 1, 20);
        CHECK(count >= 0);
        if (count && read(fds[0], &value, 8) == 8)
            atomic_fetch_add(&all, 1);
    }
    close(own);
    return NULL;
}

static void exclusively(void)
{
    pthread_t waiters[WAITERS];
    uint64_t one = 1;
    CHECK((fds[0] = eventfd(0, EFD_NONBLOCK)) >= 0);
    atomic_store(&seen[0], 0);
    atomic_store(&all, 0);
    for (int i = 0; i < WAITERS; i++)
        waiters[i] = start(takes_exclusively, NULL);
    wait_for(&seen[0], WAITERS);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(write(fds[0], &one, 8), 8);
        wait_for(&all, i + 1);
    }
    atomic_store(&over, 1);
    for (int i = 0; i < WAITERS; i++)
        join(waiters[i]);
    CHECK_EQ(atomic_load(&all), 100);
    close(fds[0]);
}

/* An instance in an instance in an instance: what comes at the bottom wakes who waits at the top, once per edge. */
static void *waits_on_top(void *arg)
{
    struct epoll_event event;
    CHECK_EQ(epoll_wait(*(int *)arg, &event, 1, -1), 1);
    return (void *)(long)event.data.u32;
}

static void nested(void)
{
    int levels[3];
    uint64_t value = 1;
    for (int i = 0; i < 3; i++)
        levels[i] = epoll_create1(0);
    CHECK((fds[0] = eventfd(0, 0)) >= 0);
    for (int i = 0; i < 3; i++) {
        struct epoll_event event = {.events = EPOLLIN | (i == 2 ? EPOLLET : 0), .data.u32 = (uint32_t)i + 1};
        CHECK_EQ(epoll_ctl(levels[i], EPOLL_CTL_ADD, i ? levels[i - 1] : fds[0], &event), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_t waiter = start(waits_on_top, &levels[2]);
        wait_ticks(3);
        CHECK_EQ(write(fds[0], &value, 8), 8);
        CHECK_EQ((long)join(waiter), 3);
        for (int k = 1; k >= 0; k--)
            CHECK_EQ((long)join(start(waits_on_top, &levels[k])), k + 1);
        CHECK_EQ(read(fds[0], &value, 8), 8);
        value = 1;
    }
    struct epoll_event event = {.events = EPOLLIN};
    CHECK_ERRNO(epoll_ctl(levels[0], EPOLL_CTL_ADD, levels[2], &event), ELOOP);
    for (int i = 0; i < 3; i++)
        close(levels[i]);
    close(fds[0]);
}

/* Parent and child wait on one instance: each one-shot event comes to one of them. */
static void over_fork(void)
{
    int back[2];
    uint64_t one = 1;
    char byte;
    flags_now = EPOLLONESHOT;
    instance = epoll_create1(0);
    CHECK_EQ(pipe(back), 0);
    for (int i = 0; i < 50; i++) {
        CHECK((fds[i] = eventfd(0, 0)) >= 0);
        arm(i, EPOLL_CTL_ADD);
    }
    pid_t child = fork();
    CHECK(child >= 0);
    for (int i = 0; child && i < 50; i++)
        CHECK_EQ(write(fds[i], &one, 8), 8);
    struct epoll_event event;
    while (epoll_wait(instance, &event, 1, 300) == 1) {
        uint64_t value;
        CHECK_EQ(read(fds[event.data.u32], &value, 8), 8);
        CHECK_EQ(write(back[1], "t", 1), 1);
    }
    if (child == 0)
        _exit(0);
    CHECK_CHILD(child, 0);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(read(back[0], &byte, 1), 1);
    CHECK_EQ(fcntl(back[0], F_SETFL, O_NONBLOCK), 0);
    CHECK_ERRNO(read(back[0], &byte, 1), EAGAIN);
}

int main(void)
{
    raise_descriptor_limit();
    ticker_start();
    each_to_one(EPOLLET);
    each_to_one(EPOLLONESHOT);
    each_to_one(EPOLLET | EPOLLONESHOT);
    level();
    exclusively();
    nested();
    over_fork();
    ticker_end();
    printf("done\n");
    return 0;
}
