/* SO_RCVTIMEO and SO_SNDTIMEO on every call that honours them: EAGAIN (connect over TCP: EINPROGRESS) not before the
 * time, the time is one for the whole call and not for each part of it, and an accepted TCP socket has its listener's.
 * timeout: 60
 */
#include "socket_timeout.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

#define MS 30
static char data[1 << 16];
static struct iovec part = {data, sizeof data};
static struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
static struct mmsghdr many = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

static void receives(int fd)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    set_timeout(fd, SO_RCVTIMEO, MS);
    TIMES_OUT(read(fd, data, 8), MS, EAGAIN);
    TIMES_OUT(readv(fd, &part, 1), MS, EAGAIN);
    TIMES_OUT(recv(fd, data, 8, 0), MS, EAGAIN);
    TIMES_OUT(recv(fd, data, 8, MSG_WAITALL), MS, EAGAIN);
    TIMES_OUT(recv(fd, data, 8, MSG_PEEK), MS, EAGAIN);
    TIMES_OUT(recvfrom(fd, data, 8, 0, (struct sockaddr *)&from, &size), MS, EAGAIN);
    TIMES_OUT(recvmsg(fd, &message, 0), MS, EAGAIN);
    TIMES_OUT(recvmmsg(fd, &many, 1, 0, NULL), MS, EAGAIN);
}

/* No buffer of this socket grows by itself. */
static void fixed(int fd)
{
    int size = 65536;
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

static void sends(int fd)
{
    set_timeout(fd, SO_SNDTIMEO, MS);
    SENDS_LATE(write(fd, data, 1000), MS, EAGAIN);
    SENDS_LATE(writev(fd, &part, 1), MS, EAGAIN);
    SENDS_LATE(send(fd, data, 1000, 0), MS, EAGAIN);
    SENDS_LATE(sendto(fd, data, 1000, 0, NULL, 0), MS, EAGAIN);
    SENDS_LATE(sendmsg(fd, &message, 0), MS, EAGAIN);
    SENDS_LATE(sendmmsg(fd, &many, 1, 0), MS, EAGAIN);
}

static void sends_file(int fd)
{
    FILE *file = tmpfile();
    off_t at = 0;
    CHECK_EQ(fwrite(data, 1, sizeof data, file), sizeof data);
    fflush(file);
    SENDS_LATE((at = 0, sendfile(fd, fileno(file), &at, sizeof data)), MS, EAGAIN);
    fclose(file);
}

static int drip_fd;
static atomic_int drip_end;

static void *drips(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200 && !atomic_load(&drip_end); i++) {
        CHECK_EQ(send(drip_fd, "d", 1, 0), 1);
        sleep_ms(20);
    }
    return NULL;
}

/* A time-out is not begun anew by each part: of 200 bytes that come in 4 s, 100 ms give a few. */
static void whole_call(int ends[2])
{
    drip_fd = ends[1];
    set_timeout(ends[0], SO_RCVTIMEO, 100);
    for (int how = 0; how < 2; how++) {
        atomic_store(&drip_end, 0);
        pthread_t thread = start(drips, NULL);
        struct moment from = this_moment();
        part.iov_len = 200;
        long got = how ? recvmsg(ends[0], &message, MSG_WAITALL) : recv(ends[0], data, 200, MSG_WAITALL);
        part.iov_len = sizeof data;
        not_early(from, 100);
        CHECK(got > 0 && got < 200);
        atomic_store(&drip_end, 1);
        join(thread);
        while (recv(ends[0], data, 200, MSG_DONTWAIT) > 0)
            ;
    }
}

static void connects(void)
{
    struct sockaddr_in address;
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                 (size_t)snprintf(path.sun_path + 1, 60, "lichen-time-%d-%ld", getpid(), random()));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&path, size), 0);
    CHECK_EQ(listen(listener, 0), 0);
    CHECK_EQ(connect(first, (struct sockaddr *)&path, size), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    set_timeout(fd, SO_SNDTIMEO, MS);
    TIMES_OUT(connect(fd, (struct sockaddr *)&path, size), MS, EAGAIN);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQ(accept(listener, NULL, NULL) >= 0, 1);
    CHECK_EQ(connect(fd, (struct sockaddr *)&path, size), 0);
    close(listener), close(first), close(fd);

    int full[8];
    listener = listen_tcp(&address, 0);
    for (int i = 0; i < 8; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(full[i], (struct sockaddr *)&address, sizeof address);
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    set_timeout(fd, SO_SNDTIMEO, MS);
    TIMES_OUT(connect(fd, (struct sockaddr *)&address, sizeof address), MS, EINPROGRESS);
    TIMES_OUT(connect(fd, (struct sockaddr *)&address, sizeof address), MS, EALREADY);
    close(fd), close(listener);
    for (int i = 0; i < 8; i++)
        close(full[i]);
}

static void accepts(void)
{
    struct sockaddr_in address;
    int listener = listen_tcp(&address, 4), client = socket(AF_INET, SOCK_STREAM, 0);
    set_timeout(listener, SO_RCVTIMEO, MS);
    set_timeout(listener, SO_SNDTIMEO, MS);
    TIMES_OUT(accept(listener, NULL, NULL), MS, EAGAIN);
    TIMES_OUT(accept4(listener, NULL, NULL, SOCK_CLOEXEC), MS, EAGAIN);
    CHECK_EQ(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int server = accept(listener, NULL, NULL);
    fixed(client), fixed(server);
    TIMES_OUT(recv(server, data, 8, 0), MS, EAGAIN);
    SENDS_LATE(send(server, data, 8, 0), MS, EAGAIN);
    close(listener), close(client), close(server);
}

static void *all(void *arg)
{
    int ends[2];
    (void)arg;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    receives(ends[0]);
    whole_call(ends);
    sends(ends[0]);
    close(ends[0]), close(ends[1]);
    tcp_pair(ends);
    fixed(ends[0]), fixed(ends[1]);
    receives(ends[0]);
    whole_call(ends);
    sends(ends[0]);
    sends_file(ends[0]);
    close(ends[0]), close(ends[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    receives(ends[0]);
    close(ends[0]), close(ends[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    receives(ends[0]);
    sends(ends[0]);
    close(ends[0]), close(ends[1]);
    connects();
    accepts();
    return NULL;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    ticker_start();
    in_both_threads(all);
    ticker_end();
    printf("done\n");
    return 0;
}
