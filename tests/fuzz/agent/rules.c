// Steps that are left out, in both worlds: those whose outcome Linux leaves to the order of wait queues that no program can rely
// on, and in which Lichen keeps another one (docs/limits.md, "Sockets").
#include "agent.h"

int passed_description;

static bool begins(const char *name, const char *word) { return !strncmp(name, word, strlen(word)); }

// 'r' and 'w': takes from or gives to one descriptor; 0: neither.
static char direction(const struct step *s) {
    const char *name = s->call->name;
    if (begins(name, "read") || begins(name, "recv") || begins(name, "accept")) return 'r';
    if (begins(name, "preadv2") || begins(name, "sigread")) return 'r';
    if (begins(name, "write") || begins(name, "send") || begins(name, "pwritev2")) return 'w';
    return 0;
}

// Is it over with the first bytes it gets? (PEEK leaves them, WAITALL and recvmmsg want more.)
static bool takes_once(const struct step *s) {
    const char *name = s->call->name;
    if (direction(s) != 'r' || !strcmp(name, "recvmmsg")) return false;
    bool flags = begins(name, "recv") && strcmp(name, "recvfd");
    return !flags || !(s->arguments[2] & 6);
}

static bool number_is_open(int fd) {
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].fd == fd) return true;
    return false;
}

#define DESCRIPTIONS 16384
enum { PLAINLY = 1, EXCLUSIVELY = 2, SPLICED = 4, DOUBLED = 8 };
// By epoll; what splice has to do with; what has duplicates.
static unsigned char is_watched[DESCRIPTIONS];

void forget_watches(void) { memset(is_watched, 0, sizeof is_watched); }

void watched(int slot, bool exclusively) {
    is_watched[slots[slot].description % DESCRIPTIONS] |= exclusively ? EXCLUSIVELY : PLAINLY;
}

static bool is(const struct step *s, const char *name) { return !strcmp(s->call->name, name); }

void spliced(int slot) { is_watched[slots[slot].description % DESCRIPTIONS] |= SPLICED; }

void doubled(int slot) { is_watched[slots[slot].description % DESCRIPTIONS] |= DOUBLED; }

static bool is_doubled(int slot) {
    bool had = is_watched[slots[slot].description % DESCRIPTIONS] & DOUBLED;
    return had || !strcmp(slots[slot].kind, "fifo-doubled") || !strcmp(slots[slot].kind, "passed");
}

// Two threads that wait for the same: only readers that take once, and through the same number, which was not replaced by a
// duplicate under the first.
static bool may_join(const struct step *s, const struct worker *other) {
    const struct slot *slot = &slots[s->arguments[0]];
    if (other->description != slot->description || direction(other->step) != direction(s)) return true;
    // Streams, eventfds and timers wake all who read, and chance decides.
    bool streams = !strcmp(slot->kind, "unix-stream") || !strcmp(slot->kind, "tcp") || !strcmp(slot->kind, "passed") ||
                   !strcmp(slot->kind, "eventfd") || !strcmp(slot->kind, "timerfd") || !strcmp(slot->kind, "signalfd") || begins(slot->kind, "fifo");
    bool once = takes_once(s) && takes_once(other->step) && !streams;
    return once && other->fd == slot->fd && number_is_open(other->fd) && !is_doubled(s->arguments[0]);
}

// May wait in a call that takes or gives.
static bool may_wait(const struct step *s) {
    bool at_once = (begins(s->call->name, "recv") || begins(s->call->name, "send")) && s->arguments[2] & 1;
    return direction(s) && !at_once;
}

// Natively what wakes a thread inside a call is not told to an epoll instance that watches with EPOLLEXCLUSIVE.
static bool watches_exclusively(int slot) { return is_watched[slots[slot].description % DESCRIPTIONS] & EXCLUSIVELY; }

static bool excludes(const struct step *s, const struct worker *other) {
    bool adds = is(s, "ctl") && s->arguments[3] & 64;
    return adds && direction(other->step) && other->description == slots[s->arguments[2]].description;
}

static bool is_instance(int slot) { return slots[slot].fd >= 0 && !strcmp(slots[slot].kind, "epoll"); }

static bool asks_about(const struct step *s, int description) {
    if (is(s, "poll") || is(s, "select")) {
        if (slots[s->arguments[0]].description == description || slots[s->arguments[2]].description == description) return true;
        if (!is_instance(s->arguments[0]) && !is_instance(s->arguments[2])) return false;
        return is_watched[description % DESCRIPTIONS] & (PLAINLY | EXCLUSIVELY);
    }
    return is(s, "ewait") && is_watched[description % DESCRIPTIONS] & (PLAINLY | EXCLUSIVELY);
}

// Taking from what another thread polls: who of the two comes first is chance.
static bool may_disturb(const struct step *s, const struct worker *other) {
    int mine = slots[s->arguments[0]].description;
    // Looked at from time to time only: a full backlog, a local stream that is full and then shut down.
    bool ends = is(s, "shutdown") || is(s, "close") || is(s, "dup");
    if (ends && is(other->step, "connect")) return false;
    if (is(s, "shutdown") && direction(other->step) == 'w' && begins(other->kind, "unix")) return false;
    // A signal that ends recvmmsg after a message stays natively in the socket as error 512.
    if (is(s, "poke") && is(other->step, "recvmmsg") && other->step->arguments[3] > 1) return false;
    // O_NONBLOCK set under a call counts natively for the one and not for the other.
    if (is(s, "nonblock") && other->description == mine) return false;
    // How much TCP has taken from a writer that waits is its affair, so read little of it.
    bool takes_much = direction(s) == 'r' && s->arguments[1] > 4097 && !strcmp(slots[s->arguments[0]].kind, "tcp");
    if (takes_much && direction(other->step) == 'w' && !strcmp(other->kind, "tcp")) return false;
    // Each part of a write that waits for a pipe is an edge.
    bool pipes = !strcmp(other->kind, "pipe-w") || begins(other->kind, "fifo");
    if (is(s, "ewait") && direction(other->step) == 'w' && pipes) return false;
    // And nothing of what is sent from pages: what it has taken shows when the next bytes come in.
    bool from_pages = is(other->step, "sendfile") || is(other->step, "splice");
    if (direction(s) == 'r' && from_pages && !strcmp(slots[s->arguments[0]].kind, "tcp")) return false;
    // TCP does not wake for less than a mark set meanwhile, but any other event has the read look.
    bool marks = is(s, "option") && (s->arguments[1] == 2 || s->arguments[1] == 3) && !strcmp(slots[s->arguments[0]].kind, "tcp");
    if (marks && direction(other->step) == 'r' && other->description == mine) return false;
    // The size of the part that waits for room natively was settled before.
    if (is(s, "option") && s->arguments[1] == 3 && direction(other->step) == 'w') return false;
    if (direction(s) == 'r') return !asks_about(other->step, mine);
    if (direction(other->step)) return !asks_about(s, other->description);
    // Two in one epoll instance: the kernel wakes the last one first.
    if (is(s, "ewait") && is(other->step, "ewait")) return other->description != mine;
    // A new size wakes whoever polls the pipe, with nothing to tell.
    if (is(s, "option") && s->arguments[1] == 6) return !is(other->step, "poll") && !is(other->step, "select");
    return true;
}

static bool moves(const struct step *s) { return is(s, "splice") || is(s, "tee"); }

// Does this description have to do with what a waiting thread does?
static bool concerns(int description, const struct worker *other) {
    if (moves(other->step)) return other->description == description || other->to_description == description;
    return (direction(other->step) && other->description == description) || asks_about(other->step, description);
}

// Moving bytes from one descriptor to another: nobody else takes from or gives to either, or asks about it.
static bool may_move(const struct step *s, const struct worker *other) {
    int first = slots[s->arguments[0]].description;
    if (moves(s)) return !concerns(first, other) && !concerns(slots[s->arguments[1]].description, other);
    if (!moves(other->step)) return true;
    if (direction(s) || is(s, "shutdown") || is(s, "nonblock") || is(s, "option")) return !concerns(first, other);
    return !asks_about(s, other->description) && !asks_about(s, other->to_description);
}

static bool is_piped(const char *kind) {
    return begins(kind, "pipe") || begins(kind, "packet-pipe") || begins(kind, "fifo");
}

// Natively splice has a pipe locked while it waits for a socket: whoever else uses that pipe cannot be interrupted then.
static bool meets_lock(const struct step *s, const struct worker *other) {
    if (is(s, "splice") && !is_piped(slots[s->arguments[0]].kind)) return is_piped(other->kind) || moves(other->step);
    if (!is(other->step, "splice") || is_piped(other->kind)) return false;
    if (is(s, "fifo")) return true;
    for (int i = 0; i < 3; i++) {
        int slot = s->arguments[i];
        if (slot >= 0 && slot < SLOTS && slots[slot].fd >= 0 && is_piped(slots[slot].kind)) return true;
    }
    return false;
}

// The slot whose number a step takes away, or -1.
static int closes(const struct step *s) {
    if (!strcmp(s->call->name, "close")) return s->arguments[0];
    if (!strcmp(s->call->name, "dup")) return s->arguments[1];
    return -1;
}

static bool any_signalfd(void) {
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].fd >= 0 && !strcmp(slots[i].kind, "signalfd")) return true;
    return false;
}

// Taking a number away under a call that keeps the description natively, and under Lichen for single reads, writes and
// polls only: select(2) wakes for more than it was asked, recvmmsg and sendmmsg are several calls.
static bool may_close(int slot, const struct worker *other) {
    const struct step *s = other->step;
    int description = slots[slot].description;
    if (is(s, "select") && asks_about(s, description)) return false;
    if (is(s, "poll") && asks_about(s, description) && ((s->arguments[1] | s->arguments[3]) & 4)) return false;
    // Each signal that anybody gets wakes those who poll a signalfd.
    if (any_signalfd() && asks_about(s, description)) return false;
    return other->description != description || (!is(s, "recvmmsg") && !is(s, "sendmmsg"));
}

// Does a step make descriptors, or may it end one that does?
static bool makes_numbers(const struct step *s) {
    static const char *const names[] = {"pipe",   "pair",    "tcp",     "udp",   "listen", "connect",
                                        "accept", "eventfd", "timerfd", "epoll", "dup",    "recvfd",
                                        "fifo",   "sigfd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is(s, names[i])) return true;
    return false;
}

// Natively some events wake whoever waits for others too (a shutdown, a connection made), and then poll finds that one of
// its numbers was closed.
static bool finds_closed_number(const struct step *s, const struct worker *other) {
    bool wakes_all = is(s, "shutdown") || is(s, "close") || is(s, "dup") || is(s, "connect") || is(s, "accept") ||
                     is(s, "splice") || is(s, "tee") || is(s, "sendfile");
    if (!is(other->step, "poll") || !wakes_all) return false;
    for (int i = 0; i < 2; i++)
        if (other->asked[i] >= 0 && !number_is_open(other->asked[i])) return true;
    return false;
}

// A number that poll was given, closed while it waits and used again: natively poll does not wait for what has it now, and
// an accept that waits has taken it already.
static bool uses_polled_number(const struct step *s, const struct worker *other) {
    if (!makes_numbers(s)) return false;
    // A call that begins again after a signal looks at its number anew.
    if (other->fd >= 0 && !number_is_open(other->fd)) return true;
    if (!is(other->step, "poll")) return false;
    for (int i = 0; i < 2; i++) {
        if (other->asked[i] < 0) continue;
        if (!number_is_open(other->asked[i])) return true;
        if (is(s, "dup") && slots[s->arguments[1]].fd == other->asked[i]) return true;
    }
    return false;
}

// A helper sends to a socket that others may have, and the SIGPIPE behind a part is the helper's.
static bool sends_by_helper(const struct step *s) {
    int to = is(s, "sendfile") ? s->arguments[0] : is(s, "splice") ? s->arguments[1] : -1;
    return to >= 0 && (!strcmp(slots[to].kind, "tcp") || begins(slots[to].kind, "unix-")) && is_doubled(to);
}

// What others may have of a FIFO is written a page at a time, and a page falls otherwise behind what is there. So it is with a
// pipe that was spliced from or to.
static bool pages_fall_otherwise(const struct step *s) {
    int slot = s->arguments[0];
    bool forgot = begins(slots[slot].kind, "fifo") || is_watched[slots[slot].description % DESCRIPTIONS] & SPLICED;
    return direction(s) == 'w' && s->arguments[1] > 4096 && forgot && is_doubled(slot);
}

// TCP marks an urgent byte wherever a sender stops for want of room, and a receiver stops there.
static bool is_much_urgent(const struct step *s) {
    bool urgent = begins(s->call->name, "send") && s->arguments[1] > 4097 && s->arguments[2] & 32;
    return urgent && !is(s, "sendfile") && !strcmp(slots[s->arguments[0]].kind, "tcp");
}

// A sendfile to a pipe that others may have is a splice, and takes RWF_NOWAIT away.
static bool asks_for_nowait(const struct step *s) {
    bool nowait = (is(s, "preadv2") || is(s, "pwritev2")) && s->arguments[3] % 3 == 1;
    return nowait && is_watched[slots[s->arguments[0]].description % DESCRIPTIONS] & SPLICED && is_doubled(s->arguments[0]);
}

// A FIFO that had no writer ends a read, but where others may have the description it cannot be told from an empty one.
static bool may_have_no_writer(const struct step *s) {
    return direction(s) == 'r' && !strcmp(slots[s->arguments[0]].kind, "fifo-doubled");
}

// Receiving nothing from TCP waits all the same, and a signal ends it with 0. recvmmsg of several pieces of a stream keeps
// an error behind the first for the next call.
static bool is_vain(const struct step *s) {
    const char *kind = slots[s->arguments[0]].kind;
    bool stream = !strcmp(kind, "tcp") || !strcmp(kind, "unix-stream") || !strcmp(kind, "passed");
    if (stream && is(s, "recvmmsg") && s->arguments[3] > 1) return true;
    return begins(s->call->name, "recv") && s->arguments[1] == 0 && !strcmp(slots[s->arguments[0]].kind, "tcp");
}

bool may_run(const struct step *s) {
    int waiting = 0, closed = closes(s);
    if (is_vain(s) || may_have_no_writer(s) || asks_for_nowait(s) || is_much_urgent(s) || pages_fall_otherwise(s) || sends_by_helper(s) || (may_wait(s) && watches_exclusively(s->arguments[0])) ||
        (moves(s) && (watches_exclusively(s->arguments[0]) || watches_exclusively(s->arguments[1])))) return false;
    for (int i = 0; i < WORKERS; i++) {
        const struct worker *w = &workers[i];
        if (atomic_load(&w->state) != INSIDE) continue;
        if (direction(s) && slots[s->arguments[0]].fd >= 0 && !may_join(s, w)) return false;
        if (!may_disturb(s, w) || !may_move(s, w) || meets_lock(s, w) || uses_polled_number(s, w) || finds_closed_number(s, w) || excludes(s, w)) return false;
        if (closed >= 0 && slots[closed].fd >= 0 && !may_close(closed, w)) return false;
        if (closed >= 0 && slots[closed].fd >= 0 && direction(w->step) && w->fd == slots[closed].fd) waiting++;
    }
    return waiting < 2;
}
