/* io_getevents() and io_pgetevents() wait for completions while other threads run: for one and for several, of which some are
 * there already; with a time-out and an interruption.
 * waits: io_getevents, io_pgetevents
 * greens
 */
#include "interrupting.h"
#include <linux/aio_abi.h>
#include <poll.h>

static int ends[3][2];
static aio_context_t context;

/* Asks to be told when the i-th pipe can be read. */
static void ask(int i)
{
    struct iocb request = {.aio_fildes = (unsigned)ends[i][0], .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN,
                           .aio_data = (uint64_t)i};
    struct iocb *list = &request;
    CHECK_EQ(syscall(SYS_io_submit, context, 1, &list), 1);
}

static void put(void *arg)
{
    CHECK_EQ(write(ends[*(int *)arg][1], "w", 1), 1);
}

static void take(int i)
{
    char byte;
    CHECK_EQ(read(ends[i][0], &byte, 1), 1);
}

static pthread_t waiter;

/* The signal is blocked while the call waits, so it is the byte that ends it. */
static void interrupt_in_vain(void *arg)
{
    CHECK_EQ(pthread_kill(waiter, SIGUSR1), 0);
    sleep_ms(5);
    put(arg);
}

int main(void)
{
    struct io_event events[4];
    struct timespec soon = {0, 20000000};
    int zero = 0, one = 1;
    if (syscall(SYS_io_setup, 8, &context)) {
        CHECK_EQ(errno, ENOSYS);
        LACKS("asynchronous I/O (io_setup)");
    }
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pipe(ends[i]), 0);
    waiting_begin();
    ask(0);
    CHECK_EQ(WAITS(syscall(SYS_io_getevents, context, 1, 4, events, NULL), put, &zero), 1);
    CHECK_EQ(events[0].data, 0);
    take(0);

    /* two are asked for, one is there */
    ask(0);
    ask(1);
    put(&zero);
    CHECK_EQ(WAITS(syscall(SYS_io_getevents, context, 2, 4, events, NULL), put, &one), 2);
    CHECK_EQ(events[0].data, 0);
    CHECK_EQ(events[1].data, 1);
    take(0);
    take(1);

    struct {
        const sigset_t *mask;
        size_t size;
    } signals = {NULL, 8};
    ask(0);
    CHECK_EQ(WAITS(syscall(SYS_io_pgetevents, context, 1, 4, events, NULL, &signals), put, &zero), 1);
    take(0);

    /* a time-out: what there is */
    int64_t begun = now_ns();
    CHECK_EQ(syscall(SYS_io_getevents, context, 1, 4, events, &soon), 0);
    CHECK(now_ns() - begun >= 20000000);
    ask(0);
    put(&zero);
    begun = now_ns();
    CHECK_EQ(syscall(SYS_io_getevents, context, 2, 4, events, &soon), 1);
    CHECK(now_ns() - begun >= 20000000);
    take(0);

    /* a signal */
    count_signals(SIGUSR1, SA_RESTART);
    CHECK_EQ(INTERRUPTED(syscall(SYS_io_getevents, context, 1, 4, events, NULL)), -1);
    CHECK_EQ(errno, EINTR);
    sigset_t mask;
    CHECK_EQ(sigemptyset(&mask), 0);
    CHECK_EQ(sigaddset(&mask, SIGUSR1), 0);
    signals.mask = &mask;
    waiter = pthread_self();
    ask(0);
    CHECK_EQ(WAITS(syscall(SYS_io_pgetevents, context, 1, 4, events, NULL, &signals), interrupt_in_vain, &zero), 1);
    take(0);

    /* errors, and nothing to wait for */
    CHECK_EQ(syscall(SYS_io_getevents, context, 0, 4, events, NULL), 0);
    CHECK_ERRNO(syscall(SYS_io_getevents, context, 5, 4, events, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_getevents, context, -1, 4, events, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_getevents, 0, 1, 4, events, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_getevents, context, 1, 4, events, (void *)8), EFAULT);
    CHECK_EQ(syscall(SYS_io_destroy, context), 0);
    waiting_end();
    printf("done\n");
    return 0;
}
