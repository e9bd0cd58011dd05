/* io_uring_enter() waits for completions while other threads run: one and several, with and without something to submit,
 * with a time-out, an interruption, and on rings of every sort of issuer.
 * waits: io_uring_enter
 * greens
 */
#include "interrupting.h"
#include "ring.h"

static int ends[4][2];
static char bytes[4][8];

static void put(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        CHECK_EQ(write(ends[i][1], "word", 4), 4);
        sleep_ms(2);
    }
}

static void reads(struct ring *ring, int count)
{
    for (int i = 0; i < count; i++)
        ring_read(ring, ends[i][0], bytes[i], 8);
}

static void takes(struct ring *ring, int count)
{
    for (int i = 0; i < count; i++)
        CHECK_EQ(ring_take(ring), 4);
    CHECK_EQ(ring_ready(ring), 0);
}

/* A signal that is blocked in the call does not end it. */
static void interrupt_and_put(void *arg)
{
    CHECK_EQ(pthread_kill(interrupting_whom, SIGUSR1), 0);
    wait_ticks(TICKS);
    put(arg);
}

static void waits(const char *what, unsigned flags)
{
    struct ring ring;
    int one = 1, three = 3, error = ring_make(&ring, flags);
    if (error) {
        CHECK_EQ(error, EINVAL); /* an older kernel */
        printf("%s\n", what);
        return;
    }
    /* submit and wait */
    reads(&ring, 1);
    CHECK_EQ(WAITS(ring_enter(&ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8), put, &one), 1);
    takes(&ring, 1);
    /* wait only; for several */
    reads(&ring, 3);
    CHECK_EQ(ring_enter(&ring, 3, 0, 0, NULL, 0), 3);
    CHECK_EQ(WAITS(ring_enter(&ring, 0, 3, IORING_ENTER_GETEVENTS, NULL, 8), put, &three), 0);
    takes(&ring, 3);
    /* there already */
    put(&one);
    reads(&ring, 1);
    CHECK_EQ(ring_enter(&ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8), 1);
    takes(&ring, 1);

    /* a time-out: never early, ETIME; and enough before it */
    struct __kernel_timespec soon = {0, 20000000}, late = {20, 0};
    struct io_uring_getevents_arg arg = {.ts = (uint64_t)(uintptr_t)&soon};
    unsigned both = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    int64_t begun = now_ns();
    CHECK_ERRNO(ring_enter(&ring, 0, 1, both, &arg, sizeof arg), ETIME);
    CHECK(now_ns() - begun >= 20000000);
    arg.ts = (uint64_t)(uintptr_t)&late;
    reads(&ring, 1);
    CHECK_EQ(WAITS(ring_enter(&ring, 1, 1, both, &arg, sizeof arg), put, &one), 1);
    takes(&ring, 1);
    /* one is there, two are asked for */
    put(&one);
    reads(&ring, 1);
    CHECK_EQ(ring_enter(&ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8), 1);
    arg.ts = (uint64_t)(uintptr_t)&soon;
    begun = now_ns();
    CHECK_EQ(ring_enter(&ring, 0, 2, both, &arg, sizeof arg), 0);
    CHECK(now_ns() - begun >= 20000000);
    takes(&ring, 1);

    /* a signal ends the wait whatever SA_RESTART says; what was submitted counts */
    count_signals(SIGUSR1, SA_RESTART);
    CHECK_EQ(INTERRUPTED(ring_enter(&ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 8)), -1);
    CHECK_EQ(errno, EINTR);
    reads(&ring, 1);
    CHECK_EQ(INTERRUPTED(ring_enter(&ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8)), 1);
    /* with a mask the signal waits until the call has ended */
    sigset_t mask;
    CHECK_EQ(sigemptyset(&mask), 0);
    CHECK_EQ(sigaddset(&mask, SIGUSR1), 0);
    int before = atomic_load(&handled);
    CHECK_EQ(WAITS(ring_enter(&ring, 0, 1, IORING_ENTER_GETEVENTS, &mask, 8), interrupt_and_put, &one), 0);
    wait_for(&handled, before + 1);
    takes(&ring, 1);
    /* and one that was pending comes if the call's mask lets it */
    sigset_t none;
    CHECK_EQ(sigemptyset(&none), 0);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &mask, NULL), 0);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_ERRNO(ring_enter(&ring, 0, 1, IORING_ENTER_GETEVENTS, &none, 8), EINTR);
    CHECK_EQ(atomic_load(&handled), before + 2);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &mask, NULL), 0);

    /* errors */
    CHECK_ERRNO(ring_enter(&ring, 0, 1, both, &arg, 8), EINVAL);
    CHECK_ERRNO(ring_enter(&ring, 0, 1, both, (void *)8, sizeof arg), EFAULT);
    CHECK_ERRNO(ring_enter(&ring, 0, 1, IORING_ENTER_GETEVENTS, &mask, 4), EINVAL);
    CHECK_ERRNO(ring_enter(&ring, 0, 1, 1u << 30, NULL, 8), EINVAL);
    CHECK_EQ(close(ring.fd), 0);
    printf("%s\n", what);
}

/* A registered ring has no descriptor in the call. */
static void waits_by_index(void)
{
    struct ring ring;
    int one = 1;
    CHECK_EQ(ring_make(&ring, 0), 0);
    struct io_uring_rsrc_update update = {.offset = -1u, .data = (uint64_t)ring.fd};
    if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_RING_FDS, &update, 1) == 1) {
        unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING;
        int fd = ring.fd;
        reads(&ring, 1);
        ring.fd = (int)update.offset;
        CHECK_EQ(WAITS(ring_enter(&ring, 1, 1, flags, NULL, 8), put, &one), 1);
        takes(&ring, 1);
        ring.fd = fd;
    }
    CHECK_EQ(close(ring.fd), 0);
    printf("registered\n");
}

int main(void)
{
    struct ring ring;
    int error = ring_make(&ring, 0);
    if (error == ENOSYS || error == EPERM)
        LACKS("io_uring");
    CHECK_EQ(error, 0);
    CHECK_EQ(close(ring.fd), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pipe(ends[i]), 0);
    waiting_begin();
    waits("plain", 0);
    waits("cooperative task work", IORING_SETUP_COOP_TASKRUN);
    waits("single issuer", IORING_SETUP_SINGLE_ISSUER);
    waits("deferred task work", IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    waits("polled submissions", IORING_SETUP_SQPOLL);
    waits_by_index();
    waiting_end();
    printf("done\n");
    return 0;
}
