/* A thread that moves bytes by one of the calls which do, and what the call answered. */
#ifndef MOVING_H
#define MOVING_H
#include "handled.h"
#include <sys/uio.h>

enum way { WRITE, WRITEV, SEND, SENDMSG, READ, READV, RECV, RECVMSG };

static struct moving {
    enum way way;
    int fd, flags;
    char *data;
    size_t size;
    atomic_int begun, ended;
    pthread_t thread;
    long result;
    int error;
} moving;

/* Vectors are halves of the bytes. */
static void *moves(void *arg)
{
    struct moving *t = &moving;
    size_t half = t->size / 2;
    struct iovec parts[2] = {{t->data, half}, {t->data + half, t->size - half}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    t->thread = pthread_self();
    atomic_store(&t->begun, 1);
    switch (t->way) {
    case WRITE: t->result = write(t->fd, t->data, t->size); break;
    case WRITEV: t->result = writev(t->fd, parts, 2); break;
    case SEND: t->result = send(t->fd, t->data, t->size, t->flags); break;
    case SENDMSG: t->result = sendmsg(t->fd, &message, t->flags); break;
    case READ: t->result = read(t->fd, t->data, t->size); break;
    case READV: t->result = readv(t->fd, parts, 2); break;
    case RECV: t->result = recv(t->fd, t->data, t->size, t->flags); break;
    case RECVMSG: t->result = recvmsg(t->fd, &message, t->flags); break;
    }
    t->error = errno;
    atomic_store(&t->ended, 1);
    return arg;
}

/* Starts the call in a thread, and gives it time to wait there. The ticker must run; one at a time. */
static UNUSED pthread_t move_begin(enum way way, int fd, char *data, size_t size, int flags)
{
    moving.way = way, moving.fd = fd, moving.data = data, moving.size = size, moving.flags = flags;
    atomic_store(&moving.begun, 0);
    atomic_store(&moving.ended, 0);
    pthread_t thread = start(moves, NULL);
    wait_for(&moving.begun, 1);
    wait_ticks(5);
    return thread;
}

/* Without SA_RESTART, a signal before any byte ends the call with EINTR; with it the call goes on, and answers `size` when
 * `feed(fd)` has made that possible. */
static UNUSED void interrupted_before_any_byte(pthread_t thread, int restart, void (*feed)(int fd), int fd)
{
    int before = atomic_load(&handled);
    if (!restart) {
        interrupt_to_end(thread);
        CHECK_EQ(moving.result, -1);
        CHECK_EQ(moving.error, EINTR);
        return;
    }
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    wait_for(&handled, before + 1);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&moving.ended), 0);
    feed(fd);
    join(thread);
    CHECK_EQ(moving.result, (long)moving.size);
}

#endif
