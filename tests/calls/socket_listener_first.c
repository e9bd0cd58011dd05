/* A listener that was made before the first thread, as nearly every server has it: twenty threads accept on it, each
 * connection is served once, and no kernel thread is needed for that where the kernel can accept without waiting by io_uring
 * (Linux 6.10); elsewhere it is one for the listener.
 * greens
 */
#include "check.h"
#include <sys/prctl.h>
#include <sys/utsname.h>

#define THREADS 20
#define CONNECTIONS 200
static int listener;
static atomic_int served;

static void *serves(void *arg)
{
    for (;;) {
        char byte;
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        CHECK_EQ(read(fd, &byte, 1), 1);
        atomic_fetch_add(&served, 1);
        CHECK_EQ(write(fd, &byte, 1), 1);
        CHECK_EQ(close(fd), 0);
        if (byte == 'q')
            return arg;
    }
}

static int kernel_accepts_without_waiting(void)
{
    struct utsname name;
    int major = 0, minor = 0;
    char params[120] = {0};
    const char *without = getenv("LICHEN_WITHOUT");
    CHECK_EQ(uname(&name), 0);
    sscanf(name.release, "%d.%d", &major, &minor);
    long ring = syscall(SYS_io_uring_setup, 1, params);
    if (ring >= 0)
        close((int)ring);
    if (prctl(PR_GET_SECCOMP) != 0 || (without && strstr(without, "ring_accept")))
        return 0;
    return ring >= 0 && (major > 6 || (major == 6 && minor >= 10));
}

static void visit(const struct sockaddr_in *address, char byte)
{
    char back;
    int fd = connected_tcp(address);
    CHECK_EQ(write(fd, &byte, 1), 1);
    CHECK_EQ(read(fd, &back, 1), 1);
    CHECK_EQ(back, byte);
    CHECK_EQ(read(fd, &back, 1), 0);
    CHECK_EQ(close(fd), 0);
}

int main(void)
{
    struct sockaddr_in address;
    pthread_t threads[THREADS];
    int most = kernel_accepts_without_waiting() ? 1 : FEW_KERNEL_THREADS;
    listener = listen_tcp(&address, 64);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(serves, NULL);
    for (int i = 0; i < CONNECTIONS; i++)
        visit(&address, 'a');
    if (expect_greens())
        CHECK(kernel_threads() <= most);
    for (int i = 0; i < THREADS; i++)
        visit(&address, 'q');
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    CHECK_EQ(atomic_load(&served), CONNECTIONS + THREADS);
    CHECK_EQ(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
    printf("done\n");
    return 0;
}
