/* sendfile() that waits: to a full TCP socket, a Unix socket, a pipe, a socket that another process has too. Everything
 * arrives, in order, in one call; the ticker runs meanwhile; flags and offsets are left as Linux leaves them.
 */
#include "handled.h"
#include "socket_timeout.h"
#include <sys/sendfile.h>

#define SIZE (6 << 20)
static char wanted[SIZE], got[SIZE];
static int file;

struct job {
    int to;
    off_t *at;
    size_t len;
    atomic_int begun;
};

static void *sends(void *arg)
{
    struct job *job = arg;
    atomic_store(&job->begun, 1);
    ssize_t sent = sendfile(job->to, file, job->at, job->len);
    return (void *)(sent < 0 ? -errno : sent);
}

static void read_all(int fd, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, got + done, len - done < 65536 ? len - done : 65536);
        CHECK(n > 0);
        done += n;
    }
}

static void whole(const char *what, int to, int from)
{
    off_t at = 1000;
    struct job job = {.to = to, .at = &at, .len = 2 * SIZE};
    int flags = fcntl(to, F_GETFL);
    pthread_t thread = start(sends, &job);
    wait_for(&job.begun, 1);
    wait_ticks(5);
    read_all(from, SIZE - 1000);
    CHECK_EQ((long)join(thread), SIZE - 1000);
    CHECK_EQ(memcmp(got, wanted + 1000, SIZE - 1000), 0);
    CHECK_EQ(at, SIZE);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
    CHECK_EQ(fcntl(to, F_GETFL), flags);
    printf("%s\n", what);
}

/* The number is closed under the call, and something else gets it: the rest still goes to where it began. */
static void number_used_again(void)
{
    int tcp[2], pair[2];
    off_t at = 0;
    char byte;
    tcp_pair(tcp);
    struct job job = {.to = tcp[0], .at = &at, .len = SIZE};
    pthread_t thread = start(sends, &job);
    wait_for(&job.begun, 1);
    wait_ticks(5);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(dup2(pair[0], tcp[0]), tcp[0]);
    read_all(tcp[1], SIZE);
    CHECK_EQ((long)join(thread), SIZE);
    CHECK_EQ(memcmp(got, wanted, SIZE), 0);
    CHECK_EQ(read(tcp[1], &byte, 1), 0);
    CHECK_ERRNO(recv(pair[1], &byte, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(close(tcp[0]), 0);
    CHECK_EQ(close(tcp[1]), 0);
    CHECK_EQ(close(pair[0]), 0);
    CHECK_EQ(close(pair[1]), 0);
    printf("number used again\n");
}

int main(void)
{
    int tcp[2], pair[2], ends[2];
    char name[] = "/tmp/lichen-sendfile-XXXXXX";
    file = mkstemp(name);
    CHECK(file >= 0);
    CHECK_EQ(unlink(name), 0);
    for (int i = 0; i < SIZE; i++)
        wanted[i] = (char)(i * 7 + i / 251);
    CHECK_EQ(write(file, wanted, SIZE), SIZE);
    CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
    ticker_start();

    tcp_pair(tcp);
    whole("tcp", tcp[0], tcp[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    whole("unix", pair[0], pair[1]);
    number_used_again();

    /* another process has the socket too */
    int hold[2];
    char byte;
    CHECK_EQ(pipe(hold), 0);
    pid_t child = fork();
    if (!child) {
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) ? 1 : 0);
    }
    whole("shared with another process", tcp[1], tcp[0]);
    CHECK_EQ(close(hold[1]), 0);
    CHECK_CHILD(child, 0);

    /* the file's own position; a part */
    struct job part = {.to = pair[0], .at = NULL, .len = 4096};
    CHECK_EQ((long)join(start(sends, &part)), 4096);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 4096);
    read_all(pair[1], 4096);

    /* a pipe gets what there is room for; when it is full the call waits */
    off_t at = 0;
    CHECK_EQ(pipe(ends), 0);
    struct job room = {.to = ends[1], .at = &at, .len = SIZE};
    long first = (long)join(start(sends, &room));
    CHECK_EQ(first, 65536);
    CHECK_EQ(at, first);
    atomic_store(&room.begun, 0);
    pthread_t thread = start(sends, &room);
    wait_for(&room.begun, 1);
    wait_ticks(5);
    read_all(ends[0], first);
    long second = (long)join(thread);
    CHECK(second > 0 && at == first + second);
    read_all(ends[0], second);
    CHECK_EQ(memcmp(got, wanted + first, second), 0);
    printf("pipe\n");

    /* from a socket to a pipe */
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    int kept = file;
    file = pair[0];
    struct job receive = {.to = ends[1], .at = NULL, .len = 100};
    thread = start(sends, &receive);
    wait_for(&receive.begun, 1);
    wait_ticks(5);
    CHECK_EQ(write(pair[1], "hello", 5), 5);
    CHECK_EQ((long)join(thread), 5);
    read_all(ends[0], 5);
    file = kept;
    printf("socket to pipe\n");

    /* a time-out of the socket: what was sent until then, or EAGAIN */
    set_timeout(pair[0], SO_SNDTIMEO, 20);
    struct job timed = {.to = pair[0], .at = &at, .len = SIZE};
    at = 0;
    long sent = (long)join(start(sends, &timed));
    CHECK(sent > 0 && sent < SIZE && sent == at);
    CHECK_EQ((long)join(start(sends, &timed)), -EAGAIN);
    CHECK_EQ(at, sent);
    printf("timed out\n");

    /* non-blocking: what fits */
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct job hurried = {.to = pair[0], .at = &at, .len = SIZE};
    at = 0;
    sent = (long)join(start(sends, &hurried));
    CHECK(sent > 0 && sent < SIZE);
    CHECK_EQ((long)join(start(sends, &hurried)), -EAGAIN);
    CHECK(fcntl(pair[0], F_GETFL) & O_NONBLOCK);

    /* nobody reads: one signal, EPIPE */
    count_signals(SIGPIPE, 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(close(pair[1]), 0);
    struct job nobody = {.to = pair[0], .at = &at, .len = 10};
    at = 0;
    CHECK_EQ((long)join(start(sends, &nobody)), -EPIPE);
    CHECK_EQ(atomic_load(&handled), 1);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(close(ends[0]), 0);
    nobody.to = ends[1];
    CHECK_EQ((long)join(start(sends, &nobody)), -EPIPE);
    CHECK_EQ(atomic_load(&handled), 2);

    /* errors, and nothing to do */
    CHECK_ERRNO(sendfile(tcp[0], tcp[1], NULL, 10), EINVAL);
    CHECK_ERRNO(sendfile(-1, file, NULL, 10), EBADF);
    CHECK_ERRNO(sendfile(tcp[0], -1, NULL, 10), EBADF);
    CHECK_ERRNO(sendfile(tcp[0], file, (off_t *)8, 10), EFAULT);
    CHECK_EQ(sendfile(tcp[0], file, NULL, 0), 0);
    at = SIZE;
    CHECK_EQ(sendfile(tcp[0], file, &at, 10), 0);
    ticker_end();
    printf("done\n");
    return 0;
}
