/* A thread waits in read() on each kind of descriptor: pipe, stream, datagram and packet sockets, TCP, UDP, eventfd,
 * timerfd, FIFO, pseudo-terminal. Another thread runs meanwhile and then feeds it.
 */
#include "check.h"
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <termios.h>

static atomic_int reading;

static void *reads(void *arg)
{
    char buffer[64];
    atomic_store(&reading, 1);
    return (void *)read(*(int *)arg, buffer, sizeof buffer);
}

static void pass(const char *kind, int from, int to, const void *data, size_t size, long wanted)
{
    atomic_store(&reading, 0);
    pthread_t thread = start(reads, &from);
    wait_for(&reading, 1);
    wait_ticks(4);
    if (to >= 0)
        CHECK_EQ(write(to, data, size), (long)size);
    CHECK_EQ((long)join(thread), wanted);
    printf("%s\n", kind);
}

static void udp_pair(int pair[2])
{
    struct sockaddr_in address[2];
    for (int i = 0; i < 2; i++) {
        socklen_t size = sizeof address[i];
        pair[i] = socket(AF_INET, SOCK_DGRAM, 0);
        memset(&address[i], 0, sizeof address[i]);
        address[i].sin_family = AF_INET;
        address[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK_EQ(bind(pair[i], (struct sockaddr *)&address[i], size), 0);
        CHECK_EQ(getsockname(pair[i], (struct sockaddr *)&address[i], &size), 0);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(connect(pair[i], (struct sockaddr *)&address[!i], sizeof address[0]), 0);
}

int main(void)
{
    int ends[2];
    ticker_start();
    CHECK_EQ(pipe(ends), 0);
    pass("pipe", ends[0], ends[1], "abc", 3, 3);
    int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(socketpair(AF_UNIX, types[i], 0, ends), 0);
        pass("unix socket", ends[0], ends[1], "abcd", 4, 4);
        pass("unix socket, other way", ends[1], ends[0], "abcde", 5, 5);
    }
    tcp_pair(ends);
    pass("tcp", ends[0], ends[1], "abcdef", 6, 6);
    udp_pair(ends);
    pass("udp", ends[0], ends[1], "abcdefg", 7, 7);
    pass("udp, empty", ends[0], ends[1], "", 0, 0);

    uint64_t one = 1;
    int event = eventfd(0, 0);
    pass("eventfd", event, event, &one, 8, 8);

    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec when = {.it_value = {0, 20000000}};
    CHECK_EQ(timerfd_settime(timer, 0, &when, NULL), 0);
    pass("timerfd", timer, -1, NULL, 0, 8);

    char folder[] = "/tmp/lichen-fifo-XXXXXX", fifo[64];
    CHECK(mkdtemp(folder));
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    int both = open(fifo, O_RDWR);
    CHECK(both >= 0);
    pass("fifo", both, both, "abc", 3, 3);
    CHECK_EQ(unlink(fifo), 0);
    CHECK_EQ(rmdir(folder), 0);

    int master, terminal;
    struct termios raw;
    CHECK_EQ(openpty(&master, &terminal, NULL, NULL, NULL), 0);
    CHECK_EQ(tcgetattr(terminal, &raw), 0);
    pass("terminal, one line", terminal, master, "line\n", 5, 5);
    char echo[64];
    CHECK_EQ(read(master, echo, sizeof echo), 6);
    cfmakeraw(&raw);
    CHECK_EQ(tcsetattr(terminal, TCSANOW, &raw), 0);
    pass("terminal, raw", terminal, master, "x", 1, 1);
    pass("terminal's master", master, terminal, "yz", 2, 2);
    ticker_end();
    return 0;
}
