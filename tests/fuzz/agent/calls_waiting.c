// Calls that wait for several descriptors, and signals from one thread to another.
#include "agent.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

static short poll_events(int bits) {
    static const short known[] = {POLLIN, POLLOUT, POLLPRI, POLLRDHUP};
    short events = 0;
    for (int i = 0; i < 4; i++)
        if (bits & 1 << i) events |= known[i];
    return events;
}

static struct timespec *spec(int ms, struct timespec *room) {
    *room = (struct timespec){ms / 1000, ms % 1000 * 1000000L};
    return ms < 0 ? NULL : room;
}

// How long the conductor must wait: a time-out of -1 or 0 is none.
static int timed(int ms) { return ms > 0 ? ms : 0; }

// poll SLOT EVENTS SLOT EVENTS TIMEOUT HOW
static void poll_(struct worker *w, const int *a) {
    struct pollfd list[2];
    struct timespec room;
    for (int i = 1; i >= 0; i--) list[i] = (struct pollfd){on(w, a[2 * i]), poll_events(a[2 * i + 1]), 0};
    begin(w, -1, 0, timed(a[4]));
    if (a[5] & 1) ended(w, ppoll(list, 2, spec(a[4], &room), NULL));
    else ended(w, poll(list, 2, a[4]));
    add(w, " %x %x", list[0].revents, list[1].revents);
}

// select SLOT SETS SLOT SETS TIMEOUT HOW: bits of SETS are read, write, except.
static void select_(struct worker *w, const int *a) {
    fd_set sets[3];
    struct timespec room;
    struct timeval time = {a[4] / 1000, a[4] % 1000 * 1000};
    int highest = 0, asked[2];
    for (int k = 0; k < 3; k++) FD_ZERO(&sets[k]);
    for (int i = 1; i >= 0; i--) {
        int fd = asked[i] = on(w, a[2 * i]);
        if (fd < 0 || fd >= FD_SETSIZE) continue;
        for (int k = 0; k < 3; k++)
            if (a[2 * i + 1] & 1 << k) FD_SET(fd, &sets[k]);
        if (fd >= highest) highest = fd + 1;
    }
    begin(w, -1, 0, timed(a[4]));
    if (a[5] & 1) ended(w, pselect(highest, &sets[0], &sets[1], &sets[2], spec(a[4], &room), NULL));
    else ended(w, select(highest, &sets[0], &sets[1], &sets[2], a[4] < 0 ? NULL : &time));
    if (w->result < 0) return;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 2; i++) {
            int fd = asked[i];
            if (fd >= 0 && FD_ISSET(fd, &sets[k])) add(w, " %c%d", "rwe"[k], i);
        }
}

static uint32_t epoll_events(int bits) {
    static const uint32_t known[] = {EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE};
    uint32_t events = 0;
    for (int i = 0; i < 7; i++)
        if (bits & 1 << i) events |= known[i];
    return events;
}

// ctl EPOLL OPERATION SLOT EVENTS
static void ctl(struct worker *w, const int *a) {
    static const int operations[] = {EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
    struct epoll_event event = {.events = epoll_events(a[3]), .data.u64 = (uint64_t)a[2]};
    int fd = on(w, a[2]), instance = slots[a[0]].fd;
    if (a[1] % 3 == 0) watched(a[2], a[3] & 64);
    begin(w, -1, 0, 0);
    ended(w, epoll_ctl(instance, operations[a[1] % 3], fd, &event));
}

// ewait EPOLL MOST TIMEOUT HOW
static void ewait(struct worker *w, const int *a) {
    struct epoll_event events[8];
    struct timespec room;
    int fd = on(w, a[0]), most = a[1] > 8 ? 8 : a[1];
    begin(w, -1, 0, timed(a[2]));
    switch (a[3] % 3) {
    case 0: ended(w, epoll_wait(fd, events, most, a[2])); break;
    case 1: ended(w, epoll_pwait(fd, events, most, a[2], NULL)); break;
    default: ended(w, epoll_pwait2(fd, events, most, spec(a[2], &room), NULL)); break;
    }
    for (int i = 0; i < w->result; i++) add(w, " %d:%x", (int)events[i].data.u64, events[i].events);
}

// poke WORKER RESTART: a signal to another thread.
static void poke(struct worker *w, const int *a) {
    begin(w, -1, 0, 0);
    struct worker *other = &workers[a[0] % WORKERS];
    if (other == w) other = &workers[(a[0] + 1) % WORKERS];
    errno = pthread_kill(other->thread, a[1] & 1 ? SIGUSR2 : SIGUSR1);
    ended(w, errno ? -1 : 0);
}

const struct call calls_of_waiting[] = {
    {"poll", 6, poll_}, {"select", 6, select_}, {"ctl", 4, ctl}, {"ewait", 4, ewait}, {"poke", 2, poke}, {NULL, 0, NULL},
};
