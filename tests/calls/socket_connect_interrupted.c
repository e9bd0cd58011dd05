/* A signal comes while connect(2) waits for a listener whose backlog is full, over TCP and AF_UNIX, on a socket that nobody
 * else has and on one with a duplicate: EINTR without SA_RESTART, with it the wait goes on; with SO_SNDTIMEO EINTR always.
 * What another connect says afterwards (EALREADY, EINPROGRESS, EISCONN, 0) is Linux's. UDP never waits.
 * timeout: 60
 */
#include "handled.h"
#include "socket_timeout.h"
#include <poll.h>

struct place {
    int family;
    struct sockaddr_storage address;
    socklen_t size;
    int listener;
    int fillers[8];
    int filled;
};

struct wait {
    const struct place *place;
    int fd;
    int answer, error;
    atomic_int done;
};

static int connect_to(const struct place *place, int fd)
{
    return connect(fd, (const struct sockaddr *)&place->address, place->size);
}

/* Connects without waiting until one has to wait, and keeps them. */
static void fill(struct place *place)
{
    for (place->filled = 0; place->filled < 8;) {
        int fd = socket(place->family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int answer = connect_to(place, fd);
        struct pollfd one = {.fd = fd, .events = POLLOUT};
        place->fillers[place->filled++] = fd;
        if (answer == -1 && (errno == EAGAIN || (errno == EINPROGRESS && poll(&one, 1, 100) == 0)))
            return;
    }
    CHECK(!"the backlog has no end");
}

static struct place place_of(int family)
{
    struct place place = {.family = family};
    if (family == AF_INET) {
        place.listener = listen_tcp((struct sockaddr_in *)&place.address, 0);
        place.size = sizeof(struct sockaddr_in);
    } else {
        struct sockaddr_un *name = (struct sockaddr_un *)&place.address;
        place.listener = socket(AF_UNIX, SOCK_STREAM, 0);
        name->sun_family = AF_UNIX;
        place.size = sizeof(sa_family_t);
        CHECK_EQ(bind(place.listener, (struct sockaddr *)name, place.size), 0);
        place.size = sizeof *name;
        CHECK_EQ(getsockname(place.listener, (struct sockaddr *)name, &place.size), 0);
        CHECK_EQ(listen(place.listener, 0), 0);
    }
    fill(&place);
    return place;
}

/* Takes everybody who connected, until `wait` is over; and whoever came last, because a full AF_UNIX backlog comes before
 * EISCONN. */
static void drain(const struct place *place, struct wait *wait)
{
    struct pollfd one = {.fd = place->listener, .events = POLLIN};
    int done;
    do {
        done = atomic_load(&wait->done);
        while (poll(&one, 1, done ? 0 : 10) == 1)
            CHECK_EQ(close(accept(place->listener, NULL, NULL)), 0);
    } while (!done);
}

static void leave(struct place *place)
{
    CHECK_EQ(close(place->listener), 0);
    for (int i = 0; i < place->filled; i++)
        CHECK_EQ(close(place->fillers[i]), 0);
}

static void *waits(void *arg)
{
    struct wait *wait = arg;
    wait->answer = connect_to(wait->place, wait->fd);
    wait->error = errno;
    atomic_store(&wait->done, 1);
    return NULL;
}

static pthread_t begin(struct wait *wait, const struct place *place, int fd)
{
    wait->place = place;
    wait->fd = fd;
    atomic_store(&wait->done, 0);
    return start(waits, wait);
}

static void interrupt_often(pthread_t thread)
{
    for (int from = atomic_load(&handled); atomic_load(&handled) < from + 5; sleep_ms(5))
        CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
}

static int client(const struct place *place, int *duplicate)
{
    int fd = socket(place->family, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    if (*duplicate != -1)
        *duplicate = dup(fd);
    return fd;
}

static void end(struct place *place, int fd, int duplicate)
{
    leave(place);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(close(fd), 0);
    if (duplicate != -1)
        CHECK_EQ(close(duplicate), 0);
}

static void ends_with_eintr(struct wait *wait, const struct place *place, int fd)
{
    interrupt_to_end(begin(wait, place, fd));
    CHECK_EQ(wait->answer, -1);
    CHECK_EQ(wait->error, EINTR);
}

/* The listener accepts at last: the connection is made, once. */
static void is_let_in(pthread_t thread, struct wait *wait)
{
    drain(wait->place, wait);
    join(thread);
    CHECK_EQ(wait->answer, 0);
    CHECK_ERRNO(connect_to(wait->place, wait->fd), EISCONN);
}

static void without_blocking(const struct place *place, int fd, int error)
{
    CHECK_EQ(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    CHECK_ERRNO(connect_to(place, fd), error);
    CHECK_EQ(fcntl(fd, F_SETFL, O_RDWR), 0);
}

/* EINTR; asked again it waits on, and is connected in the end. */
static void interrupted(int family, int duplicate)
{
    struct place place = place_of(family);
    struct wait wait = {0};
    int fd = client(&place, &duplicate);
    count_signals(SIGUSR1, 0);
    ends_with_eintr(&wait, &place, fd);
    without_blocking(&place, fd, family == AF_INET ? EALREADY : EAGAIN);
    pthread_t thread = begin(&wait, &place, fd);
    sleep_ms(20);
    is_let_in(thread, &wait);
    without_blocking(&place, fd, EISCONN);
    end(&place, fd, duplicate);
}

/* With SA_RESTART the handlers run and the call goes on. */
static void restarted(int family, int duplicate)
{
    struct place place = place_of(family);
    struct wait wait = {0};
    int fd = client(&place, &duplicate);
    count_signals(SIGUSR1, SA_RESTART);
    pthread_t thread = begin(&wait, &place, fd);
    interrupt_often(thread);
    CHECK_EQ(atomic_load(&wait.done), 0);
    is_let_in(thread, &wait);
    end(&place, fd, duplicate);
}

/* A time-out of its own: it passes, or a signal ends the call in spite of SA_RESTART. */
static void timed(int family, int duplicate)
{
    struct place place = place_of(family);
    struct wait wait = {0};
    int fd = client(&place, &duplicate);
    int tcp = family == AF_INET;
    count_signals(SIGUSR1, SA_RESTART);
    set_timeout(fd, SO_SNDTIMEO, 30);
    CHECK_ERRNO(connect_to(&place, fd), tcp ? EINPROGRESS : EAGAIN);
    CHECK_ERRNO(connect_to(&place, fd), tcp ? EALREADY : EAGAIN);
    set_timeout(fd, SO_SNDTIMEO, 50000);
    ends_with_eintr(&wait, &place, fd);
    pthread_t thread = begin(&wait, &place, fd);
    sleep_ms(20);
    is_let_in(thread, &wait);
    end(&place, fd, duplicate);
}

static void *connects_udp(void *arg)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr nothing = {.sa_family = AF_UNSPEC};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        CHECK_EQ(connect(fd, &nothing, sizeof nothing), 0);
    }
    CHECK_EQ(close(fd), 0);
    return arg;
}

static void udp(void)
{
    count_signals(SIGUSR1, 0);
    interrupt_to_end(start(connects_udp, NULL));
}

/* Each in a thread of its own, since the TCP ones wait for a second attempt of the kernel's. */
struct task {
    void (*run)(int family, int duplicate);
    int family, duplicate;
};

static void *runs(void *arg)
{
    const struct task *task = arg;
    task->run(task->family, task->duplicate);
    return NULL;
}

int main(void)
{
    void (*kinds[])(int, int) = {interrupted, restarted, timed};
    for (int kind = 0; kind < 3; kind++) {
        struct task tasks[4];
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) {
            tasks[i] = (struct task){kinds[kind], i & 1 ? AF_INET : AF_UNIX, i & 2 ? 0 : -1};
            threads[i] = start(runs, &tasks[i]);
        }
        for (int i = 0; i < 4; i++)
            join(threads[i]);
    }
    udp();
    printf("done\n");
    return 0;
}
