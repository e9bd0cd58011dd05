// Calls that move bytes: read, write, send, receive and their relatives. What was received is told as a hash, together with
// anything that was written behind it.
#include "agent.h"
#include <sys/uio.h>

// What a step writes: different for each step, so that lost, doubled or reordered bytes show.
static void fill(struct worker *w, size_t len) {
    for (size_t i = 0; i < len; i++) w->buffer[i] = (unsigned char)(w->step_number * 37 + i * 7 + (i >> 8) + 1);
}

static void clear(struct worker *w, size_t len) { memset(w->buffer, 0xEE, len + 8); }

static void tell_bytes(struct worker *w, long got, size_t room) {
    uint32_t hash = 2166136261u;
    for (long i = 0; i < got && i < BUFFER; i++) hash = (hash ^ w->buffer[i]) * 16777619u;
    // The number of the process is in what a signalfd gives.
    if (got > 0 && strcmp(w->kind, "signalfd")) add(w, " data %08x", hash);
    for (int i = 0; i < 8; i++)
        if (w->buffer[room + i] != 0xEE) {
            add(w, " SPILLED");
            break;
        }
}

static size_t capped(int len) { return len < 0 ? 0 : len > BUFFER - 64 ? BUFFER - 64 : (size_t)len; }

// Cuts the buffer into `count` parts of unequal length, an empty one among them.
static int cut(struct worker *w, size_t len, int count, struct iovec *parts) {
    size_t at = 0;
    if (count < 1) count = 1;
    if (count > 4) count = 4;
    for (int i = 0; i < count; i++) {
        size_t part = i == count - 1 ? len - at : i == 1 ? 0 : (len - at) / 3;
        parts[i] = (struct iovec){w->buffer + at, part};
        at += part;
    }
    return count;
}

// TCP decides by window and segments how much fits, a pipe by how a vector falls on its pages, a FIFO by how any write does.
static bool in_part(const struct worker *w, size_t len) {
    const char *call = w->step->call->name;
    bool vector = (!strcmp(call, "writev") || !strcmp(call, "pwritev2")) && !strcmp(w->kind, "pipe-w");
    return (vector || !strcmp(w->kind, "tcp") || !strncmp(w->kind, "fifo", 4)) && w->result > 0 && (size_t)w->result < len;
}

// Where the bytes of one call are: the whole buffer, and cut into parts for the calls that take a vector.
struct bytes {
    int fd, count;
    size_t len;
    struct iovec parts[4];
};

static struct bytes bytes_of(struct worker *w, const int *a, int parts) {
    struct bytes b = {.fd = on(w, a[0]), .len = capped(a[1])};
    b.count = cut(w, b.len, parts, b.parts);
    return b;
}

static struct bytes to_read(struct worker *w, const int *a, int parts) {
    struct bytes b = bytes_of(w, a, parts);
    clear(w, b.len);
    begin(w, b.fd, SO_RCVTIMEO, 0);
    return b;
}

static struct bytes to_write(struct worker *w, const int *a, int parts) {
    struct bytes b = bytes_of(w, a, parts);
    fill(w, b.len);
    begin(w, b.fd, SO_SNDTIMEO, 0);
    return b;
}

// With MSG_TRUNC a call may tell more than there was room for.
static void was_read(struct worker *w, long result, size_t len) {
    ended(w, result);
    tell_bytes(w, w->result < (long)len ? w->result : (long)len, len);
}

static void was_written(struct worker *w, long result, size_t len) {
    ended(w, result);
    w->part = in_part(w, len);
}

static void read_(struct worker *w, const int *a) {
    struct bytes b = to_read(w, a, 1);
    was_read(w, read(b.fd, w->buffer, b.len), b.len);
}

static void write_(struct worker *w, const int *a) {
    struct bytes b = to_write(w, a, 1);
    if (!strcmp(w->kind, "eventfd")) {
        // A small number, or one that does not fit.
        uint64_t value = a[1] > 1000 ? UINT64_MAX - 1 : (uint64_t)a[1];
        memcpy(w->buffer, &value, b.len = 8);
    }
    was_written(w, write(b.fd, w->buffer, b.len), b.len);
}

static void readv_(struct worker *w, const int *a) {
    struct bytes b = to_read(w, a, a[2]);
    was_read(w, readv(b.fd, b.parts, b.count), b.len);
}

static void writev_(struct worker *w, const int *a) {
    struct bytes b = to_write(w, a, a[2]);
    was_written(w, writev(b.fd, b.parts, b.count), b.len);
}

// preadv2 and pwritev2 SLOT LENGTH PARTS HOW: at the current position, plainly or not waiting; or at an offset.
static void preadv2_(struct worker *w, const int *a) {
    struct bytes b = to_read(w, a, a[2]);
    was_read(w, preadv2(b.fd, b.parts, b.count, a[3] % 3 == 2 ? 5 : -1, a[3] % 3 == 1 ? RWF_NOWAIT : 0), b.len);
}

static void pwritev2_(struct worker *w, const int *a) {
    struct bytes b = to_write(w, a, a[2]);
    was_written(w, pwritev2(b.fd, b.parts, b.count, a[3] % 3 == 2 ? 5 : -1, a[3] % 3 == 1 ? RWF_NOWAIT : 0), b.len);
}

// Flags by number, so that files of sequences do not depend on the machine.
static int flags_of(int bits) {
    static const int known[] = {MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_NOSIGNAL, MSG_OOB, MSG_MORE, MSG_EOR};
    int flags = 0;
    for (int i = 0; i < 8; i++)
        if (bits & 1 << i) flags |= known[i];
    return flags;
}

static void recv_(struct worker *w, const int *a) {
    struct bytes b = to_read(w, a, 1);
    was_read(w, recv(b.fd, w->buffer, b.len, flags_of(a[2])), b.len);
}

static void send_(struct worker *w, const int *a) {
    struct bytes b = to_write(w, a, 1);
    was_written(w, send(b.fd, w->buffer, b.len, flags_of(a[2])), b.len);
}

static void recvfrom_(struct worker *w, const int *a) {
    struct sockaddr_storage from = {0};
    socklen_t from_len = sizeof from;
    struct bytes b = to_read(w, a, 1);
    was_read(w, recvfrom(b.fd, w->buffer, b.len, flags_of(a[2]), (struct sockaddr *)&from, &from_len), b.len);
    if (w->result > 0) add(w, " from %d/%d", from.ss_family, (int)from_len);
}

static void recvmsg_(struct worker *w, const int *a) {
    struct bytes b = to_read(w, a, a[3]);
    struct msghdr m = {.msg_iov = b.parts, .msg_iovlen = b.count};
    was_read(w, recvmsg(b.fd, &m, flags_of(a[2])), b.len);
    if (w->result >= 0) add(w, " flags %x", m.msg_flags & ~MSG_CMSG_CLOEXEC);
}

static void sendmsg_(struct worker *w, const int *a) {
    struct bytes b = to_write(w, a, a[3]);
    struct msghdr m = {.msg_iov = b.parts, .msg_iovlen = b.count};
    was_written(w, sendmsg(b.fd, &m, flags_of(a[2])), b.len);
}

#define MESSAGES 3

// The messages of one call, as many bytes each.
struct messages {
    int fd, count;
    size_t len;
    struct mmsghdr m[MESSAGES];
    struct iovec parts[MESSAGES];
};

// At most a quarter of the buffer each.
static void messages_of(struct worker *w, const int *a, struct messages *all) {
    size_t len = capped(a[1]);
    memset(all, 0, sizeof *all);
    all->fd = on(w, a[0]);
    all->len = len > BUFFER / 4 ? BUFFER / 4 : len;
    all->count = a[3] < 1 ? 1 : a[3] > MESSAGES ? MESSAGES : a[3];
    for (int i = 0; i < all->count; i++) {
        all->parts[i] = (struct iovec){w->buffer + i * all->len, all->len};
        all->m[i].msg_hdr.msg_iov = &all->parts[i];
        all->m[i].msg_hdr.msg_iovlen = 1;
    }
}

static void recvmmsg_(struct worker *w, const int *a) {
    struct messages all;
    messages_of(w, a, &all);
    clear(w, all.len * all.count);
    begin(w, all.fd, SO_RCVTIMEO, 0);
    ended(w, recvmmsg(all.fd, all.m, all.count, flags_of(a[2]) | (a[4] ? MSG_WAITFORONE : 0), NULL));
    for (int i = 0; i < w->result; i++) {
        add(w, " [%u", all.m[i].msg_len);
        uint32_t hash = 0;
        for (unsigned k = 0; k < all.m[i].msg_len && k < all.len; k++) hash = hash * 31 + w->buffer[i * all.len + k];
        add(w, " %08x %x]", hash, all.m[i].msg_hdr.msg_flags & ~MSG_CMSG_CLOEXEC);
    }
}

static void sendmmsg_(struct worker *w, const int *a) {
    struct messages all;
    messages_of(w, a, &all);
    fill(w, all.len * all.count);
    begin(w, all.fd, SO_SNDTIMEO, 0);
    ended(w, sendmmsg(all.fd, all.m, all.count, flags_of(a[2])));
    bool tcp = !strcmp(w->kind, "tcp");
    for (int i = 0; i < w->result; i++)
        add(w, tcp && all.m[i].msg_len < all.len ? " [part]" : " [%u]", all.m[i].msg_len);
}

const struct call calls_of_bytes[] = {
    {"read", 2, read_},         {"write", 2, write_},       {"readv", 3, readv_},       {"writev", 3, writev_},
    {"recv", 3, recv_},         {"send", 3, send_},         {"recvfrom", 3, recvfrom_}, {"recvmsg", 4, recvmsg_},
    {"sendmsg", 4, sendmsg_},   {"recvmmsg", 5, recvmmsg_}, {"sendmmsg", 4, sendmmsg_}, {"preadv2", 4, preadv2_},
    {"pwritev2", 4, pwritev2_}, {NULL, 0, NULL},
};
