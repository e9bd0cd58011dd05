// Calls by which descriptors come, are doubled, change and go.
#include "agent.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

static bool taken(struct worker *w, int slot) {
    if (slots[slot].fd < 0) return false;
    w->result = 0;
    add(w, " taken");
    return true;
}

static void two(struct worker *w, int result, const int *a, const int *ends, const char *first, const char *second) {
    ended(w, result);
    w->kind = first;
    if (result != 0) return;
    keep(a[0], ends[0], first);
    keep(a[1], ends[1], second);
    w->result = 0;
}

static void pipe_(struct worker *w, const int *a) {
    int ends[2];
    if (taken(w, a[0]) || taken(w, a[1]) || a[0] == a[1]) return;
    begin(w, -1, 0, 0);
    int result = pipe2(ends, (a[2] & 1 ? O_NONBLOCK : 0) | (a[2] & 2 ? O_DIRECT : 0));
    two(w, result, a, ends, a[2] & 2 ? "packet-pipe-r" : "pipe-r", a[2] & 2 ? "packet-pipe-w" : "pipe-w");
}

static void pair(struct worker *w, const int *a) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    static const char *const names[] = {"unix-stream", "unix-dgram", "unix-packet"};
    int ends[2], which = a[2] % 3;
    if (taken(w, a[0]) || taken(w, a[1]) || a[0] == a[1]) return;
    begin(w, -1, 0, 0);
    int result = socketpair(AF_UNIX, types[which] | (a[3] & 1 ? SOCK_NONBLOCK : 0), 0, ends);
    two(w, result, a, ends, names[which], names[which]);
}

static struct sockaddr_in loopback(void) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_on_loopback(int backlog, struct sockaddr_in *address) {
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address = loopback();
    bind(fd, (struct sockaddr *)address, len);
    listen(fd, backlog);
    getsockname(fd, (struct sockaddr *)address, &len);
    return fd;
}

// Small writes go out at once: otherwise when they arrive depends on delayed acknowledgements.
static void at_once(int fd) {
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// The number of a new descriptor is not told: a waiting accept has taken one natively, and under Lichen not yet.
static void ended_with_fd(struct worker *w, int fd) {
    ended(w, fd);
    if (fd >= 0) w->result = 0;
}

// A connected pair; small buffers, so that their growth by themselves does not decide what fits.
static void tcp(struct worker *w, const int *a) {
    struct sockaddr_in address;
    int ends[2], small = 16384;
    if (taken(w, a[0]) || taken(w, a[1]) || a[0] == a[1]) return;
    begin(w, -1, 0, 0);
    int listener = listen_on_loopback(1, &address);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    int result = connect(ends[0], (struct sockaddr *)&address, sizeof address);
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
    at_once(ends[0]);
    at_once(ends[1]);
    two(w, result, a, ends, "tcp", "tcp");
}

static void udp(struct worker *w, const int *a) {
    struct sockaddr_in address[2];
    int ends[2], result = 0;
    if (taken(w, a[0]) || taken(w, a[1]) || a[0] == a[1]) return;
    begin(w, -1, 0, 0);
    for (int i = 0; i < 2; i++) {
        socklen_t len = sizeof address[i];
        ends[i] = socket(AF_INET, SOCK_DGRAM, 0);
        address[i] = loopback();
        bind(ends[i], (struct sockaddr *)&address[i], len);
        getsockname(ends[i], (struct sockaddr *)&address[i], &len);
    }
    for (int i = 0; i < 2; i++) result |= connect(ends[i], (struct sockaddr *)&address[1 - i], sizeof address[0]);
    two(w, result, a, ends, "udp", "udp");
}

// listen SLOT UNIX BACKLOG
static void listen_(struct worker *w, const int *a) {
    if (taken(w, a[0])) return;
    struct slot *s = &slots[a[0]];
    int fd;
    begin(w, -1, 0, 0);
    if (a[1] & 1) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        s->address_len = sizeof s->address;
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bind(fd, (struct sockaddr *)&name, sizeof name.sun_family); // a name of the kernel's choice
        listen(fd, a[2]);
        getsockname(fd, (struct sockaddr *)&s->address, &s->address_len);
        keep(a[0], fd, "unix-listener");
    } else {
        fd = listen_on_loopback(a[2], (struct sockaddr_in *)&s->address);
        s->address_len = sizeof(struct sockaddr_in);
        keep(a[0], fd, "tcp-listener");
    }
    w->kind = s->kind;
    ended_with_fd(w, fd);
}

// connect LISTENER SLOT NONBLOCK
static void connect_(struct worker *w, const int *a) {
    if (taken(w, a[1])) return;
    struct slot l = slots[a[0]];
    bool local = l.address.ss_family == AF_UNIX;
    if (l.address_len == 0) l.address_len = sizeof(struct sockaddr_in), l.address.ss_family = AF_INET;
    int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | (a[2] & 1 ? SOCK_NONBLOCK : 0), 0);
    keep(a[1], fd, local ? "unix-stream" : "tcp");
    w->kind = slots[a[1]].kind;
    atomic_store(&w->slow, local);
    if (!local) at_once(fd);
    begin(w, fd, SO_SNDTIMEO, 0);
    ended(w, connect(fd, (struct sockaddr *)&l.address, l.address_len));
}

// accept LISTENER SLOT NONBLOCK
static void accept_(struct worker *w, const int *a) {
    if (taken(w, a[1])) return;
    int fd = on(w, a[0]);
    bool local = slots[a[0]].address.ss_family == AF_UNIX;
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    begin(w, fd, SO_RCVTIMEO, 0);
    int got = accept4(fd, (struct sockaddr *)&from, &len, a[2] & 1 ? SOCK_NONBLOCK : 0);
    ended_with_fd(w, got);
    if (got < 0) return;
    if (!local) at_once(got);
    add(w, " len %d", (int)len);
    if (slots[a[1]].fd < 0) keep(a[1], got, local ? "unix-stream" : "tcp");
    else close(got); // filled while this waited
}

static void one(struct worker *w, int slot, int fd, const char *kind) {
    ended_with_fd(w, fd);
    w->kind = kind;
    if (fd >= 0) keep(slot, fd, kind);
}

static void eventfd_(struct worker *w, const int *a) {
    if (taken(w, a[0])) return;
    begin(w, -1, 0, 0);
    one(w, a[0], eventfd(a[1], (a[2] & 1 ? EFD_NONBLOCK : 0) | (a[2] & 2 ? EFD_SEMAPHORE : 0)), "eventfd");
}

static void timerfd_(struct worker *w, const int *a) {
    if (taken(w, a[0])) return;
    begin(w, -1, 0, 0);
    one(w, a[0], timerfd_create(CLOCK_MONOTONIC, a[1] & 1 ? TFD_NONBLOCK : 0), "timerfd");
}

// Lets a timer go off, and comes back when it has.
static void tick(struct worker *w, const int *a) {
    struct itimerspec soon = {.it_value.tv_nsec = 1};
    int fd = on(w, a[0]);
    begin(w, -1, 0, 0);
    ended(w, timerfd_settime(fd, 0, &soon, NULL));
    // It sleeps, but does not wait for anybody.
    atomic_store(&w->timed_ms, 5);
    if (w->result == 0) sleep_ns(300000);
    atomic_store(&w->timed_ms, 0);
}

static void epoll(struct worker *w, const int *a) {
    if (taken(w, a[0])) return;
    begin(w, -1, 0, 0);
    one(w, a[0], epoll_create1(0), "epoll");
}

static void close_(struct worker *w, const int *a) {
    int fd = on(w, a[0]);
    slots[a[0]].fd = -1;
    begin(w, -1, 0, 0);
    ended(w, close(fd));
}

// dup SLOT NEW HOW: to an empty slot with dup or fcntl, onto an open one with dup2 or dup3.
static void dup_(struct worker *w, const int *a) {
    int fd = on(w, a[0]), old = slots[a[1]].fd, new;
    begin(w, -1, 0, 0);
    if (old < 0) new = a[2] & 1 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : dup(fd);
    else new = a[2] & 1 && fd != old ? dup3(fd, old, O_CLOEXEC) : dup2(fd, old);
    ended_with_fd(w, new);
    if (new < 0) return;
    if (!strncmp(slots[a[0]].kind, "fifo", 4)) slots[a[0]].kind = "fifo-doubled";
    doubled(a[0]);
    slots[a[1]] = slots[a[0]];
    slots[a[1]].fd = new;
}

static void nonblock(struct worker *w, const int *a) {
    int fd = on(w, a[0]), value = a[1] & 1;
    begin(w, -1, 0, 0);
    if (a[2] & 1) ended(w, ioctl(fd, FIONBIO, &value));
    else ended(w, fcntl(fd, F_SETFL, value ? O_NONBLOCK : 0));
}

static void ask(struct worker *w, const int *a) {
    int fd = on(w, a[0]), value = -1;
    socklen_t len = sizeof value;
    begin(w, -1, 0, 0);
    switch (a[1] % 4) {
    case 0: ended(w, fcntl(fd, F_GETFL)); return;
    case 1: ended(w, ioctl(fd, FIONREAD, &value)); break;
    case 2: ended(w, getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len)); break;
    default: ended(w, getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, &len)); break;
    }
    if (w->result == 0) add(w, " says %d", value);
}

static void shutdown_(struct worker *w, const int *a) {
    int fd = on(w, a[0]);
    begin(w, -1, 0, 0);
    ended(w, shutdown(fd, a[1] % 3));
}

// option SLOT WHICH VALUE
static void option(struct worker *w, const int *a) {
    int fd = on(w, a[0]), value = a[2];
    struct timeval time = {0, a[2] * 1000};
    struct linger linger = {1, 0};
    begin(w, -1, 0, 0);
    switch (a[1] % 7) {
    case 0: ended(w, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time)); break;
    case 1: ended(w, setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time)); break;
    case 2: ended(w, setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value)); break;
    case 3: ended(w, setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value)); break;
    case 4: ended(w, setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof value)); break;
    case 5: ended(w, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger)); break;
    default: ended(w, fcntl(fd, F_SETPIPE_SZ, value)); break;
    }
}

// sendfd SLOT WHAT: one byte and a descriptor.
static void sendfd(struct worker *w, const int *a) {
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
    struct iovec part = {"x", 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int fd = on(w, a[0]);
    control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    passed_description = slots[a[1]].description;
    memcpy(CMSG_DATA(&control.header), &slots[a[1]].fd, sizeof(int));
    begin(w, fd, SO_SNDTIMEO, 0);
    ended(w, sendmsg(fd, &m, 0));
}

// recvfd SLOT NEW: the same, received; other data is a message without one.
static void recvfd(struct worker *w, const int *a) {
    if (taken(w, a[1])) return;
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int fd = on(w, a[0]), got;
    begin(w, fd, SO_RCVTIMEO, 0);
    ended(w, recvmsg(fd, &m, 0));
    struct cmsghdr *c = w->result >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (!c || c->cmsg_type != SCM_RIGHTS) return;
    memcpy(&got, CMSG_DATA(c), sizeof got);
    add(w, " passed");
    if (slots[a[1]].fd >= 0) {
        close(got);
        return;
    }
    keep(a[1], got, "passed");
    slots[a[1]].description = passed_description;
}

const struct call calls_of_birth[] = {
    {"pipe", 3, pipe_},       {"pair", 4, pair},         {"tcp", 2, tcp},         {"udp", 2, udp},
    {"listen", 3, listen_},   {"connect", 3, connect_},  {"accept", 3, accept_},  {"eventfd", 3, eventfd_},
    {"timerfd", 2, timerfd_}, {"tick", 1, tick},         {"epoll", 1, epoll},     {"close", 1, close_},
    {"dup", 3, dup_},         {"nonblock", 3, nonblock}, {"ask", 2, ask},         {"shutdown", 2, shutdown_},
    {"option", 3, option},    {"sendfd", 2, sendfd},     {"recvfd", 2, recvfd},   {NULL, 0, NULL},
};
