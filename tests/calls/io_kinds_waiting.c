/* Every kind of descriptor that can be waited for, reading and, where that can wait, writing: the result is right, and other
 * threads run meanwhile. What this machine or this user may not have is left out, without a word.
 * greens
 * env: LICHEN_POOL=1
 */
#include "waiting.h"
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/userfaultfd.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static char buffer[1 << 16];
static char folder[] = "/tmp/lichen-kinds-XXXXXX", path[64];

static void done(const char *kind)
{
    printf("%s\n", kind);
}

static void put(void *arg)
{
    CHECK_EQ(write(*(int *)arg, "word\n", 5), 5);
}

static void fill(int fd, size_t size)
{
    int flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, buffer, size) > 0)
        ;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
}

/* Takes what is there, at most `sizeof buffer` at a time. */
static void empty(void *arg)
{
    int fd = *(int *)arg, flags = fcntl(fd, F_GETFL);
    CHECK_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (read(fd, buffer, sizeof buffer) > 0)
        ;
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
}

static void add_one(void *arg)
{
    uint64_t one = 1;
    CHECK_EQ(write(*(int *)arg, &one, 8), 8);
}

static void events(void)
{
    uint64_t value;
    int plain = eventfd(0, 0), semaphore = eventfd(0, EFD_SEMAPHORE), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK_EQ(WAITS(read(plain, &value, 8), add_one, &plain), 8);
    CHECK_EQ(value, 1);
    CHECK_EQ(WAITS(read(semaphore, &value, 8), add_one, &semaphore), 8);
    value = UINT64_MAX - 1;
    CHECK_EQ(write(plain, &value, 8), 8);
    value = 7;
    CHECK_EQ(WAITS(write(plain, &value, 8), empty, &plain), 8);
    done("eventfd");

    struct itimerspec soon = {.it_value = {0, 300000000}};
    long from = ticker_now();
    CHECK_EQ(timerfd_settime(timer, 0, &soon, NULL), 0);
    CHECK_EQ(read(timer, &value, 8), 8);
    ticker_advanced(from, 1);
    done("timerfd");
}

static void send_signal(void *arg)
{
    (void)arg;
    CHECK_EQ(kill(getpid(), SIGUSR2), 0);
}

static void signals(void)
{
    sigset_t set;
    struct signalfd_siginfo info;
    CHECK_EQ(sigemptyset(&set), 0);
    CHECK_EQ(sigaddset(&set, SIGUSR2), 0);
    int fd = signalfd(-1, &set, 0);
    CHECK_EQ(WAITS(read(fd, &info, sizeof info), send_signal, NULL), sizeof info);
    CHECK_EQ(info.ssi_signo, SIGUSR2);
    done("signalfd");
}

static void touch(void *arg)
{
    (void)arg;
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(close(fd), 0);
}

static void files(void)
{
    int notes = inotify_init();
    snprintf(path, sizeof path, "%s/file", folder);
    CHECK(inotify_add_watch(notes, folder, IN_CLOSE_WRITE) >= 0);
    CHECK(WAITS(read(notes, buffer, sizeof buffer), touch, NULL) > 0);
    CHECK_EQ(((struct inotify_event *)(void *)buffer)->mask, IN_CLOSE_WRITE);
    done("inotify");

    int all = fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);
    if (all >= 0 && fanotify_mark(all, FAN_MARK_ADD, FAN_CLOSE_WRITE, AT_FDCWD, path) == 0) {
        struct fanotify_event_metadata *event = (void *)buffer;
        CHECK(WAITS(read(all, buffer, sizeof buffer), touch, NULL) > 0);
        CHECK(event->mask & FAN_CLOSE_WRITE);
        CHECK_EQ(close(event->fd), 0);
    }
    done("fanotify");

    CHECK_EQ(unlink(path), 0);
    snprintf(path, sizeof path, "%s/fifo", folder);
    CHECK_EQ(mkfifo(path, 0600), 0);
    int fifo = open(path, O_RDWR);
    CHECK(fifo >= 0);
    CHECK_EQ(WAITS(read(fifo, buffer, 64), put, &fifo), 5);
    fill(fifo, 4096);
    CHECK_EQ(WAITS(write(fifo, buffer, 10000), empty, &fifo), 10000);
    CHECK_EQ(unlink(path), 0);
    done("FIFO");
}

static void tell_end(void *arg)
{
    CHECK_EQ(write(*(int *)arg, "x", 1), 1);
}

static void children(void)
{
    int ends[2];
    char byte;
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (!child)
        _exit(read(ends[0], &byte, 1) == 1 ? 7 : 1);
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    CHECK(fd >= 0);
    struct pollfd end = {fd, POLLIN, 0};
    CHECK_EQ(WAITS(poll(&end, 1, -1), tell_end, &ends[1]), 1);
    siginfo_t info = {0};
    CHECK_EQ(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
    CHECK_EQ(info.si_status, 7);
    done("pidfd");
}

static void *page;

static void touch_page(void *arg)
{
    (void)arg;
    /* The kernel faults for us, in a write of another process: ours may not, since a page fault cannot park. */
    struct iovec from = {"w", 1}, to = {page, 1};
    pid_t parent = getpid(), child = fork();
    if (!child)
        _exit(process_vm_writev(parent, &from, 1, &to, 1, 0) == 1 ? 0 : 1);
    CHECK(child > 0);
}

static void memory(void)
{
    int fd = (int)syscall(SYS_userfaultfd, 0), status;
    struct uffdio_api api = {.api = UFFD_API};
    if (fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0) {
        struct uffd_msg message;
        page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        struct uffdio_register range = {{(uintptr_t)page, 4096}, UFFDIO_REGISTER_MODE_MISSING, 0};
        CHECK_EQ(ioctl(fd, UFFDIO_REGISTER, &range), 0);
        CHECK_EQ(WAITS(read(fd, &message, sizeof message), touch_page, NULL), sizeof message);
        CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
        struct uffdio_zeropage zero = {{(uintptr_t)page, 4096}, 0, 0};
        CHECK_EQ(ioctl(fd, UFFDIO_ZEROPAGE, &zero), 0);
        CHECK(wait(&status) > 0);
        if (status == 0)
            CHECK_EQ(*(char *)page, 'w');
    }
    done("userfaultfd");
}

static void terminals(void)
{
    int master, terminal;
    struct termios raw;
    CHECK_EQ(openpty(&master, &terminal, NULL, NULL, NULL), 0);
    CHECK_EQ(WAITS(read(terminal, buffer, 64), put, &master), 5);
    /* The echo: a worker of the kernel's brings it, perhaps in pieces. */
    for (ssize_t echoed = 0; echoed < 6;) {
        ssize_t got = read(master, buffer, (size_t)(6 - echoed));
        CHECK(got > 0);
        echoed += got;
    }
    done("terminal, line by line");
    CHECK_EQ(tcgetattr(terminal, &raw), 0);
    cfmakeraw(&raw);
    CHECK_EQ(tcsetattr(terminal, TCSANOW, &raw), 0);
    CHECK_EQ(WAITS(read(terminal, buffer, 64), put, &master), 5);
    CHECK_EQ(WAITS(read(master, buffer, 64), put, &terminal), 5);
    done("terminal, raw");
    /* A worker of the kernel's carries on what was written, and so makes room once more. */
    for (int i = 0; i < 5; i++) {
        fill(terminal, 64);
        sleep_ms(10);
    }
    fill(terminal, 64);
    CHECK_EQ(WAITS(write(terminal, "word\n", 5), empty, &master), 5);
    done("terminal, writing");
}

static void put_packet(void *device)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
    CHECK(fd >= 0);
    CHECK_EQ(sendto(fd, "word\n", 5, 0, (struct sockaddr *)device, sizeof(struct sockaddr_ll)), 5);
    CHECK_EQ(close(fd), 0);
}

static void sockets(void)
{
    int pair[2], types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(socketpair(AF_UNIX, types[i], 0, pair), 0);
        CHECK_EQ(WAITS(read(pair[0], buffer, 64), put, &pair[1]), 5);
        fill(pair[0], 1024);
        CHECK_EQ(WAITS(write(pair[0], buffer, 1024), empty, &pair[1]), 1024);
    }
    done("unix");
    tcp_pair(pair);
    CHECK_EQ(WAITS(read(pair[0], buffer, 64), put, &pair[1]), 5);
    done("tcp");

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(bind(udp, (struct sockaddr *)&address, size), 0);
    CHECK_EQ(getsockname(udp, (struct sockaddr *)&address, &size), 0);
    CHECK_EQ(connect(udp, (struct sockaddr *)&address, size), 0);
    CHECK_EQ(WAITS(read(udp, buffer, 64), put, &udp), 5);
    done("udp");

    /* A protocol that only this process speaks: what others send over this interface, another run of this program among them,
     * is none of ours. */
    uint16_t protocol = htons((uint16_t)(0xA000 | (getpid() & 0xFFF)));
    static struct sockaddr_ll device = {.sll_family = AF_PACKET, .sll_halen = 6};
    device.sll_protocol = protocol;
    device.sll_ifindex = (int)if_nametoindex("lo");
    int packets = socket(AF_PACKET, SOCK_DGRAM, protocol);
    if (packets >= 0 && device.sll_ifindex && bind(packets, (struct sockaddr *)&device, sizeof device) == 0)
        CHECK_EQ(WAITS(read(packets, buffer, sizeof buffer), put_packet, &device), 5);
    done("packets");
}

static void ask_links(void *arg)
{
    struct {
        struct nlmsghdr head;
        struct rtgenmsg body;
    } ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
    CHECK_EQ(send(*(int *)arg, &ask, sizeof ask, 0), sizeof ask);
}

static void netlink(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (fd >= 0)
        CHECK(WAITS(recv(fd, buffer, sizeof buffer, 0), ask_links, &fd) > 0);
    done("netlink");
}

int main(void)
{
    sigset_t set;
    CHECK_EQ(sigemptyset(&set), 0);
    CHECK_EQ(sigaddset(&set, SIGUSR2), 0);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK(mkdtemp(folder));
    waiting_begin();
    events();
    signals();
    files();
    children();
    memory();
    terminals();
    sockets();
    netlink();
    waiting_end();
    CHECK_EQ(rmdir(folder), 0);
    return 0;
}
