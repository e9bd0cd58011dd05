/* splice() that waits: for an empty pipe, a full pipe, an empty socket, a full socket, a terminal. Another thread runs
 * meanwhile and then makes the end ready. What asks not to wait gets EAGAIN at once, errors come before waiting, and
 * what a blocking socket is given is given in full.
 */
#include "check.h"
#include <pty.h>

#define BIG (256 << 10)
static char big[BIG], got[BIG];

struct job {
    int from, to;
    size_t len;
    unsigned flags;
    atomic_int begun;
};

static void *splices(void *arg)
{
    struct job *job = arg;
    atomic_store(&job->begun, 1);
    ssize_t moved = splice(job->from, NULL, job->to, NULL, job->len, job->flags);
    return (void *)(moved < 0 ? -errno : moved);
}

static void fill(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    for (size_t step = 4096; step; step /= 2)
        while (write(fd, big, step) > 0)
            ;
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
}

static size_t drain(int fd)
{
    size_t sum = 0;
    ssize_t n;
    int flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while ((n = read(fd, got, sizeof got)) > 0)
        sum += n;
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
    return sum;
}

static void read_all(int fd, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, got + done, len - done);
        CHECK(n > 0);
        done += n;
    }
}

/* The source is empty until `feed` is written to. */
static void empty_source(const char *what, int from, int to, int feed, int sink)
{
    struct job job = {.from = from, .to = to, .len = 100};
    pthread_t thread = start(splices, &job);
    wait_for(&job.begun, 1);
    wait_ticks(5);
    CHECK_EQ(write(feed, "hello", 5), 5);
    CHECK_EQ((long)join(thread), 5);
    read_all(sink, 5);
    CHECK_EQ(memcmp(got, "hello", 5), 0);
    printf("%s\n", what);
}

/* The target is full until `sink` is read. */
static void full_target(const char *what, int from, int to, int feed, int sink)
{
    struct job job = {.from = from, .to = to, .len = 5};
    fill(to);
    CHECK_EQ(write(feed, "hello", 5), 5);
    pthread_t thread = start(splices, &job);
    wait_for(&job.begun, 1);
    wait_ticks(5);
    drain(sink);
    CHECK_EQ((long)join(thread), 5);
    drain(sink);
    printf("%s\n", what);
}

int main(void)
{
    int a[2], b[2], tcp[2], unix_pair[2];
    ticker_start();
    CHECK_EQ(pipe(a), 0);
    CHECK_EQ(pipe(b), 0);
    tcp_pair(tcp);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, unix_pair), 0);

    empty_source("empty pipe to pipe", a[0], b[1], a[1], b[0]);
    empty_source("empty tcp to pipe", tcp[0], b[1], tcp[1], b[0]);
    empty_source("empty unix to pipe", unix_pair[0], b[1], unix_pair[1], b[0]);
    empty_source("empty pipe to tcp", a[0], tcp[0], a[1], tcp[1]);

    full_target("pipe to full pipe", a[0], b[1], a[1], b[0]);
    full_target("tcp to full pipe", tcp[0], b[1], tcp[1], b[0]);
    full_target("pipe to full tcp", a[0], tcp[0], a[1], tcp[1]);
    full_target("pipe to full unix", a[0], unix_pair[0], a[1], unix_pair[1]);
    drain(b[0]);
    drain(tcp[1]);
    drain(unix_pair[1]);

    /* a pipe that holds more than the socket has room for: all of it goes, in one call */
    int small = 4096;
    CHECK(fcntl(a[1], F_SETPIPE_SZ, BIG) >= BIG);
    CHECK_EQ(setsockopt(unix_pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (int i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 251);
    CHECK_EQ(write(a[1], big, BIG), BIG);
    struct job whole = {.from = a[0], .to = unix_pair[0], .len = 2 * BIG};
    pthread_t thread = start(splices, &whole);
    wait_for(&whole.begun, 1);
    wait_ticks(5);
    read_all(unix_pair[1], BIG);
    CHECK_EQ((long)join(thread), BIG);
    CHECK_EQ(memcmp(got, big, BIG), 0);
    CHECK_EQ(fcntl(unix_pair[0], F_GETFL) & O_NONBLOCK, 0);
    printf("all that the pipe held\n");

    /* a terminal */
    int master, terminal;
    struct termios raw;
    CHECK_EQ(openpty(&master, &terminal, NULL, NULL, NULL), 0);
    CHECK_EQ(tcgetattr(terminal, &raw), 0);
    cfmakeraw(&raw);
    CHECK_EQ(tcsetattr(terminal, TCSANOW, &raw), 0);
    empty_source("empty terminal to pipe", terminal, b[1], master, b[0]);
    empty_source("empty pipe to terminal", a[0], terminal, a[1], master);

    /* whoever asks not to wait does not */
    CHECK_ERRNO(splice(a[0], NULL, b[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERRNO(splice(unix_pair[0], NULL, b[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERRNO(splice(a[0], NULL, tcp[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(fcntl(a[0], F_SETFL, O_NONBLOCK), 0);
    CHECK_ERRNO(splice(a[0], NULL, b[1], NULL, 5, 0), EAGAIN);
    CHECK_EQ(fcntl(a[0], F_SETFL, 0), 0);
    CHECK_EQ(fcntl(tcp[0], F_SETFL, O_NONBLOCK), 0);
    CHECK_ERRNO(splice(tcp[0], NULL, b[1], NULL, 5, 0), EAGAIN);
    fill(b[1]);
    CHECK_ERRNO(splice(unix_pair[0], NULL, b[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
    drain(b[0]);

    /* errors come before waiting */
    loff_t at = 0;
    CHECK_ERRNO(splice(tcp[1], NULL, unix_pair[1], NULL, 5, 0), EINVAL);
    CHECK_ERRNO(splice(a[0], &at, b[1], NULL, 5, 0), ESPIPE);
    CHECK_ERRNO(splice(a[0], NULL, b[1], &at, 5, 0), ESPIPE);
    CHECK_ERRNO(splice(a[0], NULL, a[1], NULL, 5, 0), EINVAL);
    CHECK_ERRNO(splice(a[1], NULL, b[1], NULL, 5, 0), EBADF);
    CHECK_ERRNO(splice(tcp[1], NULL, b[0], NULL, 5, 0), EBADF);
    CHECK_ERRNO(splice(-1, NULL, b[1], NULL, 5, 0), EBADF);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 0, 0), 0);

    /* the number of the other end is closed and used again while one end is waited for */
    struct job lost = {.from = a[0], .to = b[1], .len = 5};
    int other[2];
    thread = start(splices, &lost);
    wait_for(&lost.begun, 1);
    wait_ticks(5);
    int kept = dup(b[1]);
    CHECK_EQ(pipe(other), 0);
    CHECK_EQ(dup2(other[1], b[1]), b[1]);
    CHECK_EQ(write(a[1], "hello", 5), 5);
    CHECK_EQ((long)join(thread), 5);
    read_all(b[0], 5);
    CHECK_EQ(close(kept), 0);
    printf("the other end was closed meanwhile\n");

    /* the end of the source */
    struct job end = {.from = a[0], .to = tcp[1], .len = 5};
    thread = start(splices, &end);
    wait_for(&end.begun, 1);
    wait_ticks(5);
    CHECK_EQ(close(a[1]), 0);
    CHECK_EQ((long)join(thread), 0);
    ticker_end();
    printf("done\n");
    return 0;
}
