/* liburing makes its system calls by itself, also those that make and unmake its rings. Rings of several threads work,
 * one after the other and side by side; results come to whom they belong.
 * flags: -luring
 */
#include "check.h"
#include <liburing.h>

static void one_ring(long seed)
{
    struct io_uring ring;
    int ends[2];
    char out = (char)seed, in = 0;
    CHECK_EQ(io_uring_queue_init(8, &ring, 0), 0);
    CHECK_EQ(pipe(ends), 0);
    for (long i = 0; i < 20; i++) {
        struct io_uring_cqe *done;
        out = (char)(seed + i);
        CHECK_EQ(write(ends[1], &out, 1), 1);
        struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
        CHECK(entry);
        io_uring_prep_read(entry, ends[0], &in, 1, 0);
        io_uring_sqe_set_data64(entry, (unsigned long)i);
        CHECK_EQ(io_uring_submit(&ring), 1);
        CHECK_EQ(io_uring_wait_cqe(&ring, &done), 0);
        CHECK_EQ(done->res, 1);
        CHECK_EQ(done->user_data, i);
        CHECK_EQ(in, out);
        io_uring_cqe_seen(&ring, done);
    }
    close(ends[0]);
    close(ends[1]);
    io_uring_queue_exit(&ring);
}

static void *rings(void *arg)
{
    for (int i = 0; i < 5; i++) {
        one_ring((long)arg * 7 + i);
        sleep_ms(1);
    }
    return NULL;
}

int main(void)
{
    struct io_uring ring;
    pthread_t threads[4];
    int error = io_uring_queue_init(2, &ring, 0);
    if (error == -ENOSYS || error == -EPERM) {
        fprintf(stderr, "io_uring is not allowed here: %s\n", strerror(-error));
        return 77;
    }
    CHECK_EQ(error, 0);
    io_uring_queue_exit(&ring);
    for (long i = 0; i < 4; i++)
        threads[i] = start(rings, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("done\n");
    return 0;
}
