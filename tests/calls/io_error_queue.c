/* MSG_ERRQUEUE: an empty queue of errors says EAGAIN and never waits; an ICMP error wakes a reader with ECONNREFUSED and
 * is in the queue for whoever asks; send time stamps are there without an error. A SIGURG handler runs while its thread
 * waits for the data behind the mark, and SIOCATMARK tells the mark. */
#include "check.h"
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/ioctl.h>

static int fd;
static atomic_int about;

static ssize_t take_error(struct sock_extended_err *into)
{
    static char data[64], control[256];
    struct iovec part = {data, sizeof data};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &header, MSG_ERRQUEUE);
    if (length < 0)
        return length;
    CHECK(header.msg_flags & MSG_ERRQUEUE);
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at; at = CMSG_NXTHDR(&header, at))
        if (at->cmsg_level == SOL_IP && at->cmsg_type == IP_RECVERR)
            memcpy(into, CMSG_DATA(at), sizeof *into);
    return length;
}

static void *reads(void *arg)
{
    char byte;
    (void)arg;
    atomic_store(&about, 1);
    CHECK_ERRNO(recv(fd, &byte, 1, 0), ECONNREFUSED);
    return NULL;
}

static void udp_errors(void)
{
    struct sockaddr_in nobody;
    struct sock_extended_err error;
    socklen_t size = sizeof nobody;
    int on = 1, port = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&nobody, 0, sizeof nobody);
    memset(&error, 0, sizeof error);
    nobody.sin_family = AF_INET;
    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(port, (struct sockaddr *)&nobody, size), 0);
    CHECK_EQ(getsockname(port, (struct sockaddr *)&nobody, &size), 0);
    close(port);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(setsockopt(fd, SOL_IP, IP_RECVERR, &on, sizeof on), 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&nobody, size), 0);
    CHECK_ERRNO(take_error(&error), EAGAIN);
    pthread_t reader = start(reads, NULL);
    wait_for(&about, 1);
    wait_ticks(5);
    CHECK_EQ(send(fd, "hello", 5, 0), 5);
    join(reader);
    struct pollfd state = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&state, 1, 0), 1);
    CHECK(state.revents & POLLERR);
    CHECK_EQ(take_error(&error), 5);
    CHECK_EQ(error.ee_errno, ECONNREFUSED);
    CHECK_EQ(error.ee_origin, SO_EE_ORIGIN_ICMP);
    CHECK_ERRNO(take_error(&error), EAGAIN);
    CHECK_EQ(poll(&state, 1, 0), 0);
    close(fd);
}

/* What waits in the queue of errors is no data: the reader goes on waiting. */
static void *reads_one(void *arg)
{
    char byte = 0;
    (void)arg;
    atomic_store(&about, 2);
    CHECK_EQ(recv(fd, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'd');
    return NULL;
}

static void time_stamps(void)
{
    int ends[2], flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    struct sock_extended_err error;
    tcp_pair(ends);
    fd = ends[0];
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags), 0);
    pthread_t reader = start(reads_one, NULL);
    wait_for(&about, 2);
    wait_ticks(3);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    struct pollfd state = {.fd = fd, .events = 0};
    CHECK_EQ(poll(&state, 1, -1), 1);
    wait_ticks(3);
    memset(&error, 0, sizeof error);
    CHECK(take_error(&error) >= 0);
    CHECK_EQ(error.ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
    CHECK_ERRNO(take_error(&error), EAGAIN);
    CHECK_EQ(write(ends[1], "d", 1), 1);
    join(reader);
    close(ends[0]), close(ends[1]);
}

static atomic_int urgent;
static void on_urgent(int signal)
{
    (void)signal;
    char byte = 0;
    if (recv(fd, &byte, 1, MSG_OOB) == 1 && byte == '!')
        atomic_fetch_add(&urgent, 1);
}

static void *reads_behind(void *arg)
{
    char data[4] = "";
    int mark = -1;
    sigset_t set;
    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    CHECK_EQ(ioctl(fd, SIOCATMARK, &mark), 0);
    CHECK_EQ(mark, 0);
    atomic_store(&about, 3);
    CHECK_EQ(recv(fd, data, 4, 0), 2);
    CHECK(memcmp(data, "be", 2) == 0);
    wait_for(&urgent, 1);
    CHECK_EQ(ioctl(fd, SIOCATMARK, &mark), 0);
    CHECK_EQ(mark, 1);
    CHECK_EQ(recv(fd, data, 4, 0), 2);
    CHECK(memcmp(data, "af", 2) == 0);
    return NULL;
}

static void urgent_signals(void)
{
    int ends[2];
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_urgent;
    action.sa_flags = SA_RESTART;
    CHECK_EQ(sigaction(SIGURG, &action, NULL), 0);
    tcp_pair(ends);
    fd = ends[0];
    CHECK_EQ(fcntl(fd, F_SETOWN, getpid()), 0);
    pthread_t reader = start(reads_behind, NULL);
    wait_for(&about, 3);
    wait_ticks(5);
    CHECK_EQ(send(ends[1], "be", 2, 0), 2);
    CHECK_EQ(send(ends[1], "!", 1, MSG_OOB), 1);
    wait_for(&urgent, 1);
    wait_ticks(5);
    CHECK_EQ(send(ends[1], "af", 2, 0), 2);
    join(reader);
}

int main(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    ticker_start();
    udp_errors();
    time_stamps();
    urgent_signals();
    ticker_end();
    printf("done\n");
    return 0;
}
