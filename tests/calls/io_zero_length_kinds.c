/* Reads and writes of no bytes, and of some bytes from and to a bad address, on every kind of descriptor: empty, with
 * something to read, and with its peer closed. What each gives is printed, so it must be what Linux gives; a call that
 * waits is interrupted, and says so. Every call has a fresh descriptor.
 * timeout: 60
 * skips: nowait
 */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

enum state { EMPTY, FULL, PEERLESS };
static const char *const states[] = {"empty", "full", "peerless"};
static char folder[] = "/tmp/lichen-zero-XXXXXX";

static int pair(int sort, enum state state)
{
    int ends[2];
    if (sort == 0)
        tcp_pair(ends);
    else
        CHECK_EQ(socketpair(AF_UNIX, sort, 0, ends), 0);
    if (state == FULL) {
        CHECK_EQ(write(ends[1], "abcdefgh", 8), 8);
        struct timeval time = {1, 0};
        fd_set set;
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        CHECK_EQ(select(ends[0] + 1, &set, NULL, NULL, &time), 1);
    }
    if (state == PEERLESS)
        close(ends[1]);
    return ends[0]; /* the other end is left open: there are few */
}

static int a_tcp(enum state state) { return pair(0, state); }
static int a_stream(enum state state) { return pair(SOCK_STREAM, state); }
static int a_datagram(enum state state) { return pair(SOCK_DGRAM, state); }
static int a_packet(enum state state) { return pair(SOCK_SEQPACKET, state); }

static int a_reader(enum state state)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    if (state == FULL)
        CHECK_EQ(write(ends[1], "abcdefgh", 8), 8);
    if (state == PEERLESS)
        close(ends[1]);
    return ends[0];
}

static int a_writer(enum state state)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    if (state == PEERLESS)
        close(ends[0]);
    return ends[1];
}

static int an_eventfd(enum state state) { return eventfd(state == FULL, 0); }

static int a_timerfd(enum state state)
{
    struct itimerspec at = {.it_value = {0, 1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    if (state == FULL)
        CHECK_EQ(timerfd_settime(fd, 0, &at, NULL), 0);
    return fd;
}

static int a_signalfd(enum state state)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    if (state == FULL)
        kill(getpid(), SIGUSR2);
    return signalfd(-1, &set, 0);
}

static int an_inotify(enum state state)
{
    int fd = inotify_init1(0);
    char name[64];
    CHECK(inotify_add_watch(fd, folder, IN_CREATE) >= 0);
    if (state == FULL) {
        snprintf(name, sizeof name, "%s/new", folder);
        close(open(name, O_CREAT | O_WRONLY, 0600));
        unlink(name);
    }
    return fd;
}

static int a_listener(enum state state)
{
    struct sockaddr_in address;
    (void)state;
    return listen_tcp(&address, 1);
}

static int an_udp(enum state state)
{
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&own, 0, sizeof own);
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(fd, (struct sockaddr *)&own, size), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&own, size), 0);
    if (state == FULL)
        CHECK_EQ(send(fd, "abcdefgh", 8, 0), 8);
    return fd;
}

static int an_epoll(enum state state)
{
    (void)state;
    return epoll_create1(0);
}

static int a_master(enum state state)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0);
    int slave = open(ptsname(fd), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
    if (state == FULL)
        CHECK_EQ(write(slave, "abcdefgh", 8), 8);
    if (state == PEERLESS)
        close(slave);
    return fd;
}

static int a_slave(enum state state)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int fd = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(fd >= 0);
    if (state == FULL) {
        struct timeval time = {1, 0};
        fd_set set;
        CHECK_EQ(write(master, "abcdefg\n", 8), 8);
        FD_ZERO(&set);
        FD_SET(fd, &set);
        CHECK_EQ(select(fd + 1, &set, NULL, NULL, &time), 1);
    }
    if (state == PEERLESS)
        close(master);
    return fd;
}

static int a_file(enum state state)
{
    char name[64];
    snprintf(name, sizeof name, "%s/file", folder);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (state == FULL)
        CHECK_EQ(pwrite(fd, "abcdefgh", 8, 0), 8);
    unlink(name);
    return fd;
}

static int a_directory(enum state state)
{
    (void)state;
    return open(folder, O_RDONLY | O_DIRECTORY);
}

static int a_null(enum state state)
{
    (void)state;
    return open("/dev/null", O_RDWR);
}

static const struct kind {
    const char *name;
    int (*make)(enum state);
    int last; /* the last state that there is */
} kinds[] = {
    {"tcp", a_tcp, PEERLESS},        {"unix stream", a_stream, PEERLESS}, {"unix datagram", a_datagram, PEERLESS},
    {"packet", a_packet, PEERLESS},  {"pipe reader", a_reader, PEERLESS}, {"pipe writer", a_writer, PEERLESS},
    {"eventfd", an_eventfd, FULL},   {"timerfd", a_timerfd, FULL},        {"signalfd", a_signalfd, FULL},
    {"inotify", an_inotify, FULL},   {"listener", a_listener, EMPTY},     {"udp", an_udp, FULL},
    {"epoll", an_epoll, EMPTY},      {"pty master", a_master, PEERLESS},  {"pty slave", a_slave, PEERLESS},
    {"file", a_file, FULL},          {"directory", a_directory, EMPTY},   {"null", a_null, EMPTY},
};

static char good[64];
static void *volatile bad = (void *)8; /* volatile: the compiler is not to warn */
#define BAD bad
static struct iovec none = {good, 0}, none_bad = {(void *)8, 0}, some_bad = {(void *)8, 8};
static struct iovec mixed[2] = {{good, 4}, {(void *)8, 4}};

static ssize_t message(int fd, struct iovec *vector, int count, int sends)
{
    struct msghdr header = {.msg_iov = vector, .msg_iovlen = (size_t)count};
    return sends ? sendmsg(fd, &header, 0) : recvmsg(fd, &header, 0);
}

/* Call number `which` on a descriptor; -2 behind the last. */
static ssize_t try_call(int which, int fd)
{
    switch (which) {
    case 0: return read(fd, good, 0);
    case 1: return read(fd, BAD, 0);
    case 2: return read(fd, BAD, 8);
    case 3: return readv(fd, &none, 1);
    case 4: return readv(fd, &none_bad, 1);
    case 5: return readv(fd, BAD, 0);
    case 6: return readv(fd, BAD, 1);
    case 7: return readv(fd, mixed, 2);
    case 8: return write(fd, good, 0);
    case 9: return write(fd, BAD, 0);
    case 10: return write(fd, BAD, 8);
    case 11: return writev(fd, &none, 1);
    case 12: return writev(fd, &some_bad, 1);
    case 13: return writev(fd, BAD, 0);
    case 14: return writev(fd, mixed, 2);
    case 15: return recv(fd, good, 0, 0);
    case 16: return recv(fd, BAD, 0, MSG_WAITALL);
    case 17: return recv(fd, BAD, 8, 0);
    case 18: return recv(fd, good, 0, MSG_PEEK);
    case 19: return recv(fd, good, 0, MSG_DONTWAIT);
    case 20: return send(fd, good, 0, 0);
    case 21: return send(fd, BAD, 0, MSG_MORE);
    case 22: return send(fd, BAD, 8, 0);
    case 23: return message(fd, &none, 1, 0);
    case 24: return message(fd, BAD, 0, 0);
    case 25: return message(fd, BAD, 1, 0);
    case 26: return message(fd, mixed, 2, 0);
    case 27: return message(fd, &none, 1, 1);
    case 28: return message(fd, NULL, 0, 1);
    case 29: return message(fd, mixed, 2, 1);
    case 30: return recvmsg(fd, (struct msghdr *)BAD, 0);
    case 31: return sendmsg(fd, (struct msghdr *)BAD, 0);
    case 32: return preadv2(fd, &none, 1, -1, 0);
    case 33: return pwritev2(fd, &none, 1, -1, 0);
    case 34: return recv(fd, good, 0, MSG_TRUNC);
    default: return -2;
    }
}

static void on_alarm(int signal) { (void)signal; }

static void try_kind(const struct kind *kind, enum state state)
{
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    printf("%s, %s:", kind->name, states[state]);
    for (int which = 0;; which++) {
        pthread_sigmask(SIG_BLOCK, &alarm, NULL);
        int fd = kind->make(state);
        CHECK(fd >= 0);
        pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
        errno = 0;
        ssize_t got = try_call(which, fd);
        int error = errno;
        close(fd);
        if (got == -2)
            break;
        if (got < 0)
            printf(" %s", strerrorname_np(error));
        else
            printf(" %zd", got);
    }
    printf("\n");
}

static void *tries(void *arg)
{
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        for (int state = EMPTY; state <= kinds[i].last; state++)
            try_kind(&kinds[i], (enum state)state);
    CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    return arg;
}

int main(void)
{
    struct sigaction action;
    sigset_t set;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    raise_descriptor_limit();
    CHECK(mkdtemp(folder));
    pthread_t thread = start(tries, NULL);
    sigaddset(&set, SIGALRM); /* it interrupts the thread that tries */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    join(thread);
    rmdir(folder);
    return 0;
}
