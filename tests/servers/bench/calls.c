/*
 * What a call costs on its way through Lichen, in one process, three ways in turn:
 *   own     the program's own system call, straight to the kernel
 *   same    the system call or calls that Lichen makes in its stead, straight to the kernel
 *   door    the program's own call as libc makes it, so through Lichen if it is there
 * "Straight to the kernel" is a copy of libc's syscall() on a page made at run time, which nobody rewrites.
 * usage: calls [ROUNDS]     prints KIND_own_ns, KIND_same_ns, KIND_door_ns (medians of batches) for each kind, and
 * in_kernel, whether the kernel knows the thread
 */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>

enum { BATCH = 200, MOST_ROUNDS = 4000, RWF_NO_WAIT = 8 };

typedef long call6(long, ...);
static call6 *direct;
static char buffer[4096];
static long rounds;
static int in_kernel;

/* How Lichen makes the call. */
enum way { SOCKET, NOWAIT, POLLED };

struct kind {
    const char *name;
    enum way way;
    long number;
    size_t size;
    int fd, feed;
};

static long own(const struct kind *k)
{
    return direct(k->number, k->fd, buffer, k->size);
}

static long door(const struct kind *k)
{
    return syscall(k->number, k->fd, buffer, k->size);
}

static long same(const struct kind *k)
{
    int reads = k->number == SYS_read;
    struct iovec vector = {buffer, k->size};
    struct pollfd ready = {k->fd, reads ? POLLIN : POLLOUT, 0};
    switch (k->way) {
    case SOCKET:
        return direct(reads ? SYS_recvfrom : SYS_sendto, k->fd, buffer, k->size, MSG_DONTWAIT, 0, 0);
    case NOWAIT:
        return direct(reads ? SYS_preadv2 : SYS_pwritev2, k->fd, &vector, 1, -1L, -1L, RWF_NO_WAIT);
    default:
        if (direct(SYS_poll, &ready, 1, 0) != 1)
            return -1;
        return own(k);
    }
}

/* Before a batch: something to read, or room. After it: nothing is left. */
static void prepare(const struct kind *k, int before)
{
    uint64_t value = BATCH;
    if (k->number == SYS_read && before) {
        if (k->size == 8)
            must(direct(SYS_write, k->feed, &value, 8) != 8, "feed");
        else
            must(direct(SYS_write, k->feed, buffer, BATCH) != BATCH, "feed");
    } else if (k->number == SYS_write && !before) {
        while (direct(SYS_read, k->feed, buffer, sizeof buffer) > 0)
            ;
    }
}

static double batch(const struct kind *k, long (*call)(const struct kind *))
{
    prepare(k, 1);
    double begun = now_ns();
    for (int i = 0; i < BATCH; i++)
        if (call(k) != (long)k->size)
            must(errno ? errno : 1, k->name);
    double spent = now_ns() - begun;
    prepare(k, 0);
    return spent / BATCH;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct kind *k)
{
    static double spent[3][MOST_ROUNDS];
    static long (*const calls[])(const struct kind *) = {own, same, door};
    static const char *const names[] = {"own", "same", "door"};
    for (int way = 0; way < 3; way++)
        batch(k, calls[way]);
    for (long round = 0; round < rounds; round++)
        for (int way = 0; way < 3; way++)
            spent[way][round] = batch(k, calls[way]);
    for (int way = 0; way < 3; way++) {
        qsort(spent[way], (size_t)rounds, sizeof **spent, ascending);
        printf("%s_%s_ns %.1f\n", k->name, names[way], spent[way][rounds / 2]);
    }
}

static void tcp_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&address, size), "bind");
    must(listen(listener, 1), "listen");
    must(getsockname(listener, (struct sockaddr *)&address, &size), "getsockname");
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(pair[0], (struct sockaddr *)&address, size), "connect");
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void quick(int fd)
{
    must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "fcntl");
}

/* libc's syscall(), without errno: the arguments one register down, the seventh from the stack. */
static void make_direct(void)
{
    static const unsigned char code[] = {
        0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8,
        0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05, 0xc3,
    };
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(page == MAP_FAILED, "mmap");
    memcpy(page, code, sizeof code);
    must(mprotect(page, 4096, PROT_READ | PROT_EXEC), "mprotect");
    direct = (call6 *)page;
}

static void *measures(void *argument)
{
    int tcp[2], local[2], local_w[2], ends[2], ends_w[2], master, terminal;
    char folder[] = "/tmp/lichen-calls-XXXXXX", fifo[64];
    struct termios raw;
    in_kernel = known_to_kernel();
    make_direct(); /* in a thread, so after activation: nobody has seen it */
    tcp_pair(tcp);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, local), "socketpair");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, local_w), "socketpair");
    quick(local_w[1]);
    must(pipe(ends), "pipe");
    must(pipe(ends_w), "pipe");
    quick(ends_w[0]);
    int event = eventfd(0, EFD_SEMAPHORE), event_w = eventfd(0, 0);
    must(!mkdtemp(folder), "mkdtemp");
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    must(mkfifo(fifo, 0600), "mkfifo");
    int named = open(fifo, O_RDWR);
    must(unlink(fifo) | rmdir(folder), "unlink");
    must(openpty(&master, &terminal, NULL, NULL, NULL), "openpty");
    must(tcgetattr(terminal, &raw), "tcgetattr");
    cfmakeraw(&raw);
    must(tcsetattr(terminal, TCSANOW, &raw), "tcsetattr");
    const struct kind kinds[] = {
        {"tcp_read", SOCKET, SYS_read, 1, tcp[0], tcp[1]},
        {"unix_read", SOCKET, SYS_read, 1, local[0], local[1]},
        {"unix_write", SOCKET, SYS_write, 1, local_w[0], local_w[1]},
        {"pipe_read", NOWAIT, SYS_read, 1, ends[0], ends[1]},
        {"pipe_write", NOWAIT, SYS_write, 1, ends_w[1], ends_w[0]},
        {"eventfd_read", NOWAIT, SYS_read, 8, event, event},
        {"eventfd_write", POLLED, SYS_write, 8, event_w, -1},
        {"fifo_read", POLLED, SYS_read, 1, named, named},
        {"terminal_read", POLLED, SYS_read, 1, terminal, master},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        measure(&kinds[i]);
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    rounds = times(argc, argv, 1000);
    if (rounds > MOST_ROUNDS)
        rounds = MOST_ROUNDS;
    must(pthread_create(&thread, NULL, measures, NULL), "pthread_create");
    must(pthread_join(thread, NULL), "pthread_join");
    printf("in_kernel %d\n", in_kernel);
    return 0;
}
