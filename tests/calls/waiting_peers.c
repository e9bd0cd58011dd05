/* accept waits for a peer, and connect for room in the peer's backlog, while other threads run.
 * waits: accept, accept4, connect
 * greens
 */
#include "waiting.h"

static struct sockaddr_in address;
static int client;

static void come(void *arg)
{
    (void)arg;
    client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(connect(client, (struct sockaddr *)&address, sizeof address), 0);
}

static int listening;

static void take_one(void *arg)
{
    (void)arg;
    int taken = accept(listening, NULL, NULL);
    CHECK(taken >= 0);
    CHECK_EQ(close(taken), 0);
}

/* Of AF_UNIX: there connect(2) itself waits while the backlog is full. */
static void full_backlog(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = offsetof(struct sockaddr_un, sun_path);
    listening = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(listening, (struct sockaddr *)&name, size), 0); /* the kernel chooses an abstract name */
    size = sizeof name;
    CHECK_EQ(getsockname(listening, (struct sockaddr *)&name, &size), 0);
    CHECK_EQ(listen(listening, 0), 0);
    int first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connect(first, (struct sockaddr *)&name, size), 0);
    CHECK_EQ(WAITS(syscall(SYS_connect, second, &name, size), take_one, NULL), 0);
    CHECK_EQ(close(first), 0);
    CHECK_EQ(close(second), 0);
    CHECK_EQ(close(listening), 0);
}

int main(void)
{
    waiting_begin();
    int listener = listen_tcp(&address, 8);
    struct sockaddr_in peer, own;
    socklen_t size = sizeof peer;
    int fd = WAITS(syscall(SYS_accept, listener, &peer, &size), come, NULL);
    CHECK(fd >= 0);
    size = sizeof own;
    CHECK_EQ(getsockname(client, (struct sockaddr *)&own, &size), 0);
    CHECK_EQ(own.sin_port, peer.sin_port);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(close(client), 0);
    fd = WAITS(syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC), come, NULL);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(close(client), 0);
    full_backlog();
    waiting_end();
    printf("done\n");
    return 0;
}
