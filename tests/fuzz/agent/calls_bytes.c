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
    if (got > 0) add(w, " data %08x", hash);
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

static void read_(struct worker *w, const int *a) {
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    clear(w, len);
    begin(w, fd, SO_RCVTIMEO, 0);
    ended(w, read(fd, w->buffer, len));
    tell_bytes(w, w->result, len);
}

// TCP decides by window and segments how much fits, a pipe by how a vector falls on its pages.
static bool in_part(const struct worker *w, size_t len) {
    bool vector = !strcmp(w->step->call->name, "writev") && !strcmp(w->kind, "pipe-w");
    return (vector || !strcmp(w->kind, "tcp")) && w->result > 0 && (size_t)w->result < len;
}

static void write_(struct worker *w, const int *a) {
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    fill(w, len);
    if (!strcmp(w->kind, "eventfd")) {
        // A small number, or one that does not fit.
        uint64_t value = a[1] > 1000 ? UINT64_MAX - 1 : (uint64_t)a[1];
        memcpy(w->buffer, &value, len = 8);
    }
    begin(w, fd, SO_SNDTIMEO, 0);
    ended(w, write(fd, w->buffer, len));
    w->part = in_part(w, len);
}

static void readv_(struct worker *w, const int *a) {
    struct iovec parts[4];
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    int count = cut(w, len, a[2], parts);
    clear(w, len);
    begin(w, fd, SO_RCVTIMEO, 0);
    ended(w, readv(fd, parts, count));
    tell_bytes(w, w->result, len);
}

static void writev_(struct worker *w, const int *a) {
    struct iovec parts[4];
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    int count = cut(w, len, a[2], parts);
    fill(w, len);
    begin(w, fd, SO_SNDTIMEO, 0);
    ended(w, writev(fd, parts, count));
    w->part = in_part(w, len);
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
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    clear(w, len);
    begin(w, fd, SO_RCVTIMEO, 0);
    ended(w, recv(fd, w->buffer, len, flags_of(a[2])));
    tell_bytes(w, w->result < (long)len ? w->result : (long)len, len);
}

static void send_(struct worker *w, const int *a) {
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    fill(w, len);
    begin(w, fd, SO_SNDTIMEO, 0);
    ended(w, send(fd, w->buffer, len, flags_of(a[2])));
    w->part = in_part(w, len);
}

static void recvfrom_(struct worker *w, const int *a) {
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    clear(w, len);
    memset(&from, 0, sizeof from);
    begin(w, fd, SO_RCVTIMEO, 0);
    ended(w, recvfrom(fd, w->buffer, len, flags_of(a[2]), (struct sockaddr *)&from, &from_len));
    tell_bytes(w, w->result < (long)len ? w->result : (long)len, len);
    if (w->result > 0) add(w, " from %d/%d", from.ss_family, (int)from_len);
}

static void tell_header(struct worker *w, const struct msghdr *m) {
    add(w, " flags %x", m->msg_flags & ~MSG_CMSG_CLOEXEC);
}

static void recvmsg_(struct worker *w, const int *a) {
    struct iovec parts[4];
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = cut(w, len, a[3], parts)};
    clear(w, len);
    begin(w, fd, SO_RCVTIMEO, 0);
    ended(w, recvmsg(fd, &m, flags_of(a[2])));
    tell_bytes(w, w->result < (long)len ? w->result : (long)len, len);
    if (w->result >= 0) tell_header(w, &m);
}

static void sendmsg_(struct worker *w, const int *a) {
    struct iovec parts[4];
    int fd = on(w, a[0]);
    size_t len = capped(a[1]);
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = cut(w, len, a[3], parts)};
    fill(w, len);
    begin(w, fd, SO_SNDTIMEO, 0);
    ended(w, sendmsg(fd, &m, flags_of(a[2])));
    w->part = in_part(w, len);
}

#define MESSAGES 3

static int messages(struct worker *w, size_t len, int count, struct mmsghdr *m, struct iovec *parts) {
    if (count < 1) count = 1;
    if (count > MESSAGES) count = MESSAGES;
    memset(m, 0, MESSAGES * sizeof *m);
    for (int i = 0; i < count; i++) {
        parts[i] = (struct iovec){w->buffer + i * len, len};
        m[i].msg_hdr.msg_iov = &parts[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    return count;
}

// At most a third of the buffer each.
static size_t third(int len) { return capped(len) > BUFFER / 4 ? BUFFER / 4 : capped(len); }

static void recvmmsg_(struct worker *w, const int *a) {
    struct mmsghdr m[MESSAGES];
    struct iovec parts[MESSAGES];
    int fd = on(w, a[0]);
    size_t len = third(a[1]);
    int count = messages(w, len, a[3], m, parts);
    clear(w, len * count);
    begin(w, fd, SO_RCVTIMEO, 0);
    ended(w, recvmmsg(fd, m, count, flags_of(a[2]) | (a[4] ? MSG_WAITFORONE : 0), NULL));
    for (int i = 0; i < w->result; i++) {
        add(w, " [%u", m[i].msg_len);
        uint32_t hash = 0;
        for (unsigned k = 0; k < m[i].msg_len && k < len; k++) hash = hash * 31 + w->buffer[i * len + k];
        add(w, " %08x %x]", hash, m[i].msg_hdr.msg_flags & ~MSG_CMSG_CLOEXEC);
    }
}

static void sendmmsg_(struct worker *w, const int *a) {
    struct mmsghdr m[MESSAGES];
    struct iovec parts[MESSAGES];
    int fd = on(w, a[0]);
    size_t len = third(a[1]);
    int count = messages(w, len, a[3], m, parts);
    fill(w, len * count);
    begin(w, fd, SO_SNDTIMEO, 0);
    ended(w, sendmmsg(fd, m, count, flags_of(a[2])));
    for (int i = 0; i < w->result; i++) add(w, m[i].msg_len < len && !strcmp(w->kind, "tcp") ? " [part]" : " [%u]", m[i].msg_len);
}

const struct call calls_of_bytes[] = {
    {"read", 2, read_},         {"write", 2, write_},       {"readv", 3, readv_},       {"writev", 3, writev_},
    {"recv", 3, recv_},         {"send", 3, send_},         {"recvfrom", 3, recvfrom_}, {"recvmsg", 4, recvmsg_},
    {"sendmsg", 4, sendmsg_},   {"recvmmsg", 5, recvmmsg_}, {"sendmmsg", 4, sendmmsg_}, {NULL, 0, NULL},
};
