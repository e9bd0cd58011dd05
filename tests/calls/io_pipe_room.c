/* How much a pipe takes that does not know RWF_NOWAIT: a FIFO, and a pipe that was spliced into. A vector fills its pages across
 * parts, and a small write fits into the last page of a full one: none of these calls waits, although nobody reads. A pipe that
 * nobody can read any more is told of before its source is looked at, and a FIFO that nobody has written to ends a read. sendfile to a pipe leaves it knowing RWF_NOWAIT.
 */
#include "handled.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define CAPACITY 65536
static char bytes[CAPACITY], back[CAPACITY];

static void read_back(int fd, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, back + done, len - done);
        CHECK(n > 0);
        done += n;
    }
    CHECK(!memcmp(back, bytes, len));
}

static void *fills_a_fifo(void *arg)
{
    char name[64];
    snprintf(name, sizeof name, "/tmp/lichen-fifo-%d", getpid());
    unlink(name);
    CHECK_EQ(mkfifo(name, 0600), 0);
    int fd = open(name, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(unlink(name), 0);
    struct iovec parts[2] = {{bytes, CAPACITY / 3}, {bytes + CAPACITY / 3, CAPACITY - CAPACITY / 3}};
    CHECK_EQ(writev(fd, parts, 2), CAPACITY);
    read_back(fd, CAPACITY);
    /* The odd bytes of the second go behind the first. */
    CHECK_EQ(write(fd, bytes, 1000), 1000);
    CHECK_EQ(write(fd, bytes + 1000, CAPACITY - 4096 + 2000), CAPACITY - 4096 + 2000);
    read_back(fd, CAPACITY - 4096 + 3000);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(close(fd), 0);
    return arg;
}

/* Opened without waiting, and nobody has written yet: a read ends although poll says that there is nothing. */
static void *reads_from_nobody(void *arg)
{
    char name[64], byte;
    snprintf(name, sizeof name, "/tmp/lichen-fifo-%d", getpid());
    CHECK_EQ(mkfifo(name, 0600), 0);
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
    struct pollfd one = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&one, 1, 0), 0);
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(unlink(name), 0);
    CHECK_EQ(close(fd), 0);
    return arg;
}

static void *fills_the_last_page(void *arg)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_ERRNO(splice(ends[0], NULL, ends[1], NULL, 10, 0), EINVAL); /* and it knows RWF_NOWAIT no more */
    CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    struct iovec part = {bytes + 200, 100};
    CHECK_EQ(write(ends[1], bytes, 100), 100);
    CHECK_EQ(write(ends[1], bytes + 100, 100), 100);
    CHECK_EQ(writev(ends[1], &part, 1), 100);
    CHECK_EQ(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    /* Also through a duplicate, which others might have. */
    int again = dup(ends[1]);
    CHECK_EQ(write(again, bytes + 300, 100), 100);
    CHECK_EQ(close(again), 0);
    read_back(ends[0], 400);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
    return arg;
}

static void *splices_to_nobody(void *arg)
{
    int ends[2], pair[2];
    count_signals(SIGPIPE, 0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    CHECK_ERRNO(splice(pair[0], NULL, ends[1], NULL, 5, 0), EPIPE);
    CHECK_EQ(atomic_load(&handled), 1);
    return arg;
}

static int full[2];

static void *splices_what_cannot_be(void *arg)
{
    int event = eventfd(1, 0);
    CHECK_ERRNO(splice(event, NULL, full[1], NULL, 8, 0), EINVAL);
    CHECK_EQ(close(event), 0);
    return arg;
}

static void *sends_what_cannot_be(void *arg)
{
    int event = eventfd(1, 0);
    CHECK_ERRNO(sendfile(full[1], event, NULL, 8), EINVAL);
    CHECK_EQ(close(event), 0);
    return arg;
}

/* A vector of no bytes is refused by the wrong end, also once reads have told what it is. */
static void *writes_nothing_to_the_wrong_end(void *arg)
{
    char name[64], byte;
    struct iovec none[2] = {{&byte, 0}, {&byte, 0}};
    snprintf(name, sizeof name, "/tmp/lichen-fifo-%d", getpid());
    CHECK_EQ(mkfifo(name, 0600), 0);
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_ERRNO(writev(fd, none, 2), EBADF);
    CHECK_EQ(unlink(name), 0);
    CHECK_EQ(close(fd), 0);
    return arg;
}

static void *sends_nothing(void *arg)
{
    int file = memfd_create("file", MFD_CLOEXEC);
    CHECK_EQ(sendfile(full[1], file, NULL, 0), 0);
    CHECK_EQ(close(file), 0);
    return arg;
}

/* What cannot be done, or is nothing, is told of when there is room in the pipe, and that is waited for. */
static void waits_for_room_first(void *(*calls)(void *))
{
    CHECK_EQ(pipe(full), 0);
    CHECK_EQ(write(full[1], bytes, CAPACITY), CAPACITY);
    pthread_t thread = start(calls, NULL);
    wait_ticks(20);
    read_back(full[0], CAPACITY);
    CHECK(!join(thread));
    CHECK_EQ(close(full[0]), 0);
    CHECK_EQ(close(full[1]), 0);
}

static void *sends_a_file(void *arg)
{
    int ends[2], file = memfd_create("file", MFD_CLOEXEC);
    struct iovec part = {bytes + 100, 100};
    off_t at = 0;
    CHECK_EQ(write(file, bytes, 100), 100);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(sendfile(ends[1], file, &at, 100), 100);
    CHECK_EQ(at, 100);
    CHECK_EQ(pwritev2(ends[1], &part, 1, -1, RWF_NOWAIT), 100);
    read_back(ends[0], 200);
    return arg;
}

int main(void)
{
    for (int i = 0; i < CAPACITY; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    ticker_start();
    CHECK(!join(start(fills_a_fifo, NULL)));
    CHECK(!join(start(reads_from_nobody, NULL)));
    CHECK(!join(start(fills_the_last_page, NULL)));
    CHECK(!join(start(splices_to_nobody, NULL)));
    CHECK(!join(start(sends_a_file, NULL)));
    CHECK(!join(start(writes_nothing_to_the_wrong_end, NULL)));
    waits_for_room_first(splices_what_cannot_be);
    waits_for_room_first(sends_what_cannot_be);
    waits_for_room_first(sends_nothing);
    ticker_end();
    printf("done\n");
    return 0;
}
