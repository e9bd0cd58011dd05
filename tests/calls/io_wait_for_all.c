/* What ends a read that asks for more than is there: MSG_WAITALL with a signal, the end, a reset, urgent data and a
 * passed descriptor in between; MSG_PEEK | MSG_WAITALL; SO_RCVLOWAT on each call and each kind of stream. */
#include "moving.h"

static char buffer[64];

static pthread_t waiter(int fd, enum way way, size_t size, int flags)
{
    memset(buffer, 0, sizeof buffer);
    return move_begin(way, fd, buffer, size, flags);
}

static void still_waits(void)
{
    wait_ticks(5);
    CHECK_EQ(atomic_load(&moving.ended), 0);
}

static void pair(int tcp, int ends[2])
{
    if (tcp)
        tcp_pair(ends);
    else
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void send_eight(int fd)
{
    CHECK_EQ(send(fd, "12345678", 8, 0), 8);
}

/* A signal after a part gives the part, with SA_RESTART too; before any byte it is EINTR or a restart. */
static void signals(int tcp, enum way way)
{
    int ends[2];
    pair(tcp, ends);
    for (int restart = 0; restart < 2; restart++) {
        count_signals(SIGUSR1, restart ? SA_RESTART : 0);
        pthread_t thread = waiter(ends[0], way, 8, MSG_WAITALL);
        CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
        still_waits();
        interrupt_to_end(thread);
        CHECK_EQ(moving.result, 3);
        CHECK(memcmp(buffer, "abc\0", 4) == 0);
        thread = waiter(ends[0], way, 8, MSG_WAITALL);
        interrupted_before_any_byte(thread, restart, send_eight, ends[1]);
    }
    close(ends[0]), close(ends[1]);
}

static void ends_and_resets(int tcp, enum way way)
{
    struct linger hard = {1, 0};
    int ends[2];
    char byte;
    pair(tcp, ends);
    pthread_t thread = waiter(ends[0], way, 8, MSG_WAITALL);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    still_waits();
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    join(thread);
    CHECK_EQ(moving.result, 3);
    close(ends[0]), close(ends[1]);
    if (!tcp)
        return;
    pair(tcp, ends);
    thread = waiter(ends[0], way, 8, MSG_WAITALL);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    still_waits();
    CHECK_EQ(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    CHECK_EQ(close(ends[1]), 0);
    join(thread);
    CHECK_EQ(moving.result, 3);
    CHECK_ERRNO(recv(ends[0], &byte, 1, 0), ECONNRESET);
    CHECK_EQ(recv(ends[0], &byte, 1, 0), 0);
    CHECK_ERRNO(send(ends[0], &byte, 1, MSG_NOSIGNAL), EPIPE);
    close(ends[0]);
}

/* The mark of urgent data ends the read; the next one goes on behind it. */
static void urgent(enum way way)
{
    int ends[2];
    pair(1, ends);
    pthread_t thread = waiter(ends[0], way, 8, MSG_WAITALL);
    CHECK_EQ(send(ends[1], "abc!", 4, MSG_OOB), 4);
    CHECK_EQ(send(ends[1], "defghijk", 8, 0), 8);
    join(thread);
    CHECK_EQ(moving.result, 3);
    thread = waiter(ends[0], way, 8, MSG_WAITALL);
    join(thread);
    CHECK_EQ(moving.result, 8);
    CHECK(memcmp(buffer, "defghijk", 8) == 0);
    close(ends[0]), close(ends[1]);
}

/* The same where the urgent byte comes after the reader began to wait for more, on each kind of stream. */
static void urgent_later(int tcp, enum way way)
{
    int ends[2];
    pair(tcp, ends);
    pthread_t thread = waiter(ends[0], way, 8, MSG_WAITALL);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    still_waits();
    CHECK_EQ(send(ends[1], "!", 1, MSG_OOB), 1);
    join(thread);
    CHECK_EQ(moving.result, 3);
    CHECK_EQ(send(ends[1], "defghijk", 8, 0), 8);
    thread = waiter(ends[0], way, 8, MSG_WAITALL);
    join(thread);
    CHECK_EQ(moving.result, 8);
    CHECK(memcmp(buffer, "defghijk", 8) == 0);
    close(ends[0]), close(ends[1]);
}

/* A passed descriptor ends a read of a local stream, one that asks who sent too; what it asks with may be no length. */
static void passed_with_address(void)
{
    int ends[2];
    pair(0, ends);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec part = {"x", 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &ends[0], sizeof(int));
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    CHECK_EQ(sendmsg(ends[1], &message, 0), 1);
    CHECK_EQ(recvfrom(ends[0], buffer, 8, MSG_WAITALL, (struct sockaddr *)&from, &len), 1);
    CHECK_EQ(len, 0);
    /* Without room for it, it is thrown away, and ends the read all the same. */
    struct iovec into = {buffer, 8};
    struct mmsghdr bare = {.msg_hdr = {.msg_iov = &into, .msg_iovlen = 1}};
    CHECK_EQ(sendmsg(ends[1], &message, 0), 1);
    CHECK_EQ(recvmmsg(ends[0], &bare, 1, MSG_WAITALL, NULL), 1);
    CHECK_EQ(bare.msg_len, 1);
    CHECK_EQ(bare.msg_hdr.msg_flags, MSG_CTRUNC);
    len = (socklen_t)-1;
    CHECK_EQ(send(ends[1], "abcdefgh", 8, 0), 8);
    CHECK_ERRNO(recvfrom(ends[0], buffer, 8, MSG_WAITALL, (struct sockaddr *)&from, &len), EINVAL);
    /* A sender with a name, in two parts. */
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    len = sizeof name;
    CHECK_EQ(bind(listener, (struct sockaddr *)&name, sizeof name.sun_family), 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&name, &len), 0);
    CHECK_EQ(listen(listener, 1), 0);
    CHECK_EQ(connect(client, (struct sockaddr *)&name, len), 0);
    int server = accept(listener, NULL, NULL);
    CHECK_EQ(send(server, "abcdefgh", 8, 0), 8);
    socklen_t got = sizeof from;
    CHECK_EQ(recvfrom(client, buffer, 8, MSG_WAITALL, (struct sockaddr *)&from, &got), 8);
    CHECK_EQ(got, len);
    CHECK(memcmp(&from, &name, len) == 0);
    close(ends[0]), close(ends[1]), close(listener), close(client), close(server);
}

static void peeks(void)
{
    int ends[2];
    pair(1, ends);
    pthread_t thread = waiter(ends[0], RECV, 8, MSG_WAITALL | MSG_PEEK);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    still_waits();
    CHECK_EQ(send(ends[1], "defgh", 5, 0), 5);
    join(thread);
    CHECK_EQ(moving.result, 8);
    CHECK(memcmp(buffer, "abcdefgh", 8) == 0);
    CHECK_EQ(recv(ends[0], buffer, 3, 0), 3);
    thread = waiter(ends[0], RECV, 8, MSG_WAITALL | MSG_PEEK);
    still_waits();
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    join(thread);
    CHECK_EQ(moving.result, 5);
    close(ends[0]), close(ends[1]);
    pair(0, ends);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    thread = waiter(ends[0], RECV, 8, MSG_WAITALL | MSG_PEEK);
    join(thread);
    CHECK_EQ(moving.result, 3);
    close(ends[0]), close(ends[1]);
}

/* What is there first is less than the low-water mark. */
static void low_water(int tcp, enum way way, int flags)
{
    int ends[2], low = 6;
    pair(tcp, ends);
    CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low), 0);
    CHECK_EQ(send(ends[1], "abc", 3, 0), 3);
    CHECK_EQ(recv(ends[0], buffer, 8, MSG_PEEK | MSG_DONTWAIT), 3);
    pthread_t thread = waiter(ends[0], way, 20, flags);
    still_waits();
    /* TCP wakes the reader when as many new bytes as the mark are there. */
    CHECK_EQ(send(ends[1], "defghi", 6, 0), 6);
    join(thread);
    CHECK_EQ(moving.result, 9);
    CHECK(memcmp(buffer, "abcdefghi\0", 10) == 0);
    if (flags & MSG_PEEK)
        CHECK_EQ(recv(ends[0], buffer, 9, 0), 9);
    thread = waiter(ends[0], way, 4, flags);
    still_waits();
    CHECK_EQ(send(ends[1], "12", 2, 0), 2);
    still_waits();
    CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
    join(thread);
    CHECK_EQ(moving.result, 2);
    close(ends[0]), close(ends[1]);
}

int main(void)
{
    static const enum way with_flags[] = {RECV, RECVMSG};
    ticker_start();
    for (int tcp = 0; tcp < 2; tcp++) {
        for (int i = 0; i < 2; i++) {
            signals(tcp, with_flags[i]);
            ends_and_resets(tcp, with_flags[i]);
            urgent_later(tcp, with_flags[i]);
        }
        for (enum way way = READ; way <= RECVMSG; way++)
            low_water(tcp, way, 0);
    }
    low_water(1, RECV, MSG_PEEK);
    urgent(RECV);
    urgent(RECVMSG);
    passed_with_address();
    peeks();
    ticker_end();
    printf("done\n");
    return 0;
}
