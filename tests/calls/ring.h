/* A small io_uring by raw calls: one ring, no liburing. Shared by the programs of tests/calls/ring_*.c. */
#ifndef RING_H
#define RING_H
#include "check.h"
#include <linux/io_uring.h>
#include <sys/mman.h>

struct ring {
    int fd;
    unsigned flags, entries, *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
};

/* 0, or errno. */
static UNUSED int ring_make(struct ring *ring, unsigned flags)
{
    struct io_uring_params params = {.flags = flags};
    ring->fd = (int)syscall(SYS_io_uring_setup, 64, &params);
    if (ring->fd < 0)
        return errno;
    size_t sq = params.sq_off.array + params.sq_entries * sizeof(unsigned);
    size_t cq = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    int prot = PROT_READ | PROT_WRITE, shared = MAP_SHARED | MAP_POPULATE;
    CHECK(params.features & IORING_FEAT_SINGLE_MMAP);
    char *at = mmap(NULL, sq > cq ? sq : cq, prot, shared, ring->fd, IORING_OFF_SQ_RING);
    CHECK(at != MAP_FAILED);
    ring->sqes = mmap(NULL, params.sq_entries * sizeof *ring->sqes, prot, shared, ring->fd, IORING_OFF_SQES);
    CHECK(ring->sqes != MAP_FAILED);
    ring->flags = flags;
    ring->entries = params.sq_entries;
    ring->sq_tail = (unsigned *)(at + params.sq_off.tail);
    ring->sq_mask = (unsigned *)(at + params.sq_off.ring_mask);
    ring->sq_array = (unsigned *)(at + params.sq_off.array);
    ring->cq_head = (unsigned *)(at + params.cq_off.head);
    ring->cq_tail = (unsigned *)(at + params.cq_off.tail);
    ring->cq_mask = (unsigned *)(at + params.cq_off.ring_mask);
    ring->cqes = (struct io_uring_cqe *)(at + params.cq_off.cqes);
    return 0;
}

/* The next entry to fill, zeroed and queued. */
static UNUSED struct io_uring_sqe *ring_next(struct ring *ring)
{
    unsigned tail = *ring->sq_tail, index = tail & *ring->sq_mask;
    struct io_uring_sqe *sqe = &ring->sqes[index];
    memset(sqe, 0, sizeof *sqe);
    ring->sq_array[index] = index;
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
    return sqe;
}

static UNUSED void ring_read(struct ring *ring, int fd, void *to, unsigned len)
{
    struct io_uring_sqe *sqe = ring_next(ring);
    sqe->opcode = IORING_OP_READ;
    sqe->fd = fd;
    sqe->addr = (uint64_t)(uintptr_t)to;
    sqe->len = len;
    sqe->off = -1;
    sqe->user_data = (uint64_t)fd;
}

static UNUSED long ring_enter(struct ring *ring, unsigned submit, unsigned least, unsigned flags, void *arg, size_t size)
{
    if (ring->flags & IORING_SETUP_SQPOLL)
        flags |= IORING_ENTER_SQ_WAKEUP;
    return syscall(SYS_io_uring_enter, ring->fd, submit, least, flags, arg, size);
}

/* Takes one completion: its result. */
static UNUSED int ring_take(struct ring *ring)
{
    unsigned head = *ring->cq_head;
    CHECK(head != __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE));
    int result = ring->cqes[head & *ring->cq_mask].res;
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return result;
}

static UNUSED unsigned ring_ready(struct ring *ring)
{
    return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - *ring->cq_head;
}

#endif
