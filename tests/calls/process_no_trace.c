/* What a program with threads leaves behind on descriptors that others have too: nothing. A child uses an inherited
 * pipe, socket pair, terminal, FIFO and two listeners with many threads; it ends by itself or is killed in the middle;
 * then the flags of all are as they were, and another process that shares the listener, and waited in accept all the
 * time, still waits there and serves.
 * timeout: 60
 */
#include "check.h"
#include <poll.h>
#include <sys/stat.h>

enum { PIPE_R, PIPE_W, PAIR_0, PAIR_1, MASTER, TERMINAL, FIFO, TCP, UNIX, COUNT };
#define ROUNDS 12
static int fds[COUNT];
static struct sockaddr_in address;

static void *use(void *arg)
{
    char buffer[64];
    struct pollfd list = {.events = POLLIN};
    fd_set set;
    for (int i = (int)(long)arg, turn = 0;; i++, turn++) {
        int fd = fds[i % COUNT];
        struct timeval soon = {0, 2000};
        switch (i % COUNT) {
        case PIPE_R: case PAIR_1: case TERMINAL: case FIFO:
            list.fd = fd;
            if (turn % 3 == 0)
                poll(&list, 1, 2);
            else if (turn % 3 == 1 && fd < FD_SETSIZE) {
                FD_ZERO(&set);
                FD_SET(fd, &set);
                select(fd + 1, &set, NULL, NULL, &soon);
            } else
                CHECK(read(fd, buffer, sizeof buffer) >= 0);
            break;
        case PIPE_W: case PAIR_0: case MASTER:
            CHECK(write(fd, "some\n", 5) == 5);
            break;
        case TCP: case UNIX: {
            int server = accept(fd, NULL, NULL);
            CHECK(server >= 0);
            close(server);
        }
        }
    }
    return NULL;
}

static void *calls(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        connect(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
        sleep_ms(1);
    }
}

/* The child that is killed, or ends by itself after a moment. */
static void worker(int ends)
{
    socklen_t size = sizeof address;
    CHECK_EQ(getsockname(fds[TCP], (struct sockaddr *)&address, &size), 0);
    for (long i = 0; i < 4 * COUNT; i++)
        start(use, (void *)(i % COUNT));
    start(calls, NULL);
    sleep_ms(ends ? 20 : 60000);
    _exit(0);
}

/* Shares the TCP listener, and serves what it is given. */
static void sharer(void)
{
    for (;;) {
        int fd = accept(fds[TCP], NULL, NULL);
        CHECK(fd >= 0);
        if (write(fd, "n", 1) == 1)
            close(fd);
    }
}

static pid_t run(const char *mode)
{
    char list[16 * COUNT] = "";
    for (int i = 0; i < COUNT; i++)
        sprintf(list + strlen(list), "%d ", fds[i]);
    pid_t child = fork();
    if (child == 0) {
        if (*mode == 'n')
            setenv("LICHEN_DISABLE", "1", 1);
        execl("/proc/self/exe", "no_trace", mode, list, NULL);
        _exit(127);
    }
    return child;
}

static void make(void)
{
    char name[64];
    CHECK_EQ(pipe(fds + PIPE_R), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + PAIR_0), 0);
    fds[MASTER] = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK_EQ(grantpt(fds[MASTER]), 0);
    CHECK_EQ(unlockpt(fds[MASTER]), 0);
    CHECK((fds[TERMINAL] = open(ptsname(fds[MASTER]), O_RDWR | O_NOCTTY)) >= 0);
    snprintf(name, sizeof name, "/tmp/lichen-trace-%d", getpid());
    CHECK_EQ(mkfifo(name, 0600), 0);
    CHECK((fds[FIFO] = open(name, O_RDWR)) >= 0);
    CHECK_EQ(unlink(name), 0);
    fds[TCP] = listen_tcp(&address, 64);
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    fds[UNIX] = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(fds[UNIX], (struct sockaddr *)&path, sizeof path.sun_family), 0);
    CHECK_EQ(listen(fds[UNIX], 4), 0);
}

int main(int argc, char **argv)
{
    int flags[COUNT];
    if (argc == 3) {
        char *at = argv[2];
        for (int i = 0; i < COUNT; i++)
            fds[i] = (int)strtol(at, &at, 10);
        if (*argv[1] == 'n')
            sharer();
        worker(*argv[1] == 'e');
    }
    make();
    for (int i = 0; i < COUNT; i++)
        CHECK((flags[i] = fcntl(fds[i], F_GETFL)) >= 0);
    pid_t native = run("native");
    for (int round = 0; round < ROUNDS; round++) {
        int by_itself = round % 4 == 3;
        pid_t child = run(by_itself ? "ends" : "killed");
        sleep_ms(3 + round * 7 % 40);
        if (!by_itself)
            CHECK_EQ(kill(child, SIGKILL), 0);
        CHECK_EQ(wait_status(child), by_itself ? 0 : SIGKILL);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ(fcntl(fds[i], F_GETFL), flags[i]);
        char byte;
        int fd = connected_tcp(&address);
        CHECK_EQ(read(fd, &byte, 1), 1);
        close(fd);
    }
    CHECK_EQ(waitpid(native, NULL, WNOHANG), 0);
    kill(native, SIGKILL);
    CHECK_EQ(wait_status(native), SIGKILL);
    printf("done\n");
    return 0;
}
