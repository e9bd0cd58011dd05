/* futex_waitv: which address woke it, changed words, errors, time-outs that are not early, signals; on private memory, on
 * memory shared with other processes, and on both at once; while other threads run.
 * waits: futex_waitv
 * greens
 */
#include "handled.h"
#include "waiting.h"
#include <linux/futex.h>
#include <sys/mman.h>

#define MOST 128
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
struct one {
    uint64_t value, address;
    uint32_t flags, reserved;
};
#define SIZE_32 2
static struct one ones[MOST + 1];
static atomic_uint words[MOST + 1], *shared;
static atomic_int waiting, result;

static long waitv(unsigned count, unsigned flags, const struct timespec *until, int clock)
{
    return syscall(SYS_futex_waitv, ones, count, flags, until, clock);
}

static void on(unsigned count, atomic_uint *first, uint32_t flags)
{
    for (unsigned i = 0; i < count; i++)
        ones[i] = (struct one){atomic_load(&first[i]), (uint64_t)(uintptr_t)&first[i], SIZE_32 | flags, 0};
}

static long wake(atomic_uint *word, int private)
{
    return syscall(SYS_futex, word, private ? FUTEX_WAKE_PRIVATE : FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wake_private(void *word) { CHECK_EQ(wake(word, 1), 1); }

/* Where a kernel thread waits, which may not have begun. */
static void wake_in_kernel(void *word, int private)
{
    for (int i = 0; wake(word, private) != 1; i++) {
        CHECK(i < 5000);
        sleep_ms(1);
    }
}
static void wake_shared(void *word) { wake_in_kernel(word, 0); }
static void wake_private_among_shared(void *word) { wake_in_kernel(word, 1); }

static void change_and_wake(void *word)
{
    atomic_fetch_add((atomic_uint *)word, 1);
    CHECK_EQ(wake(word, 1), 1);
}

static void errors(void)
{
    struct timespec bad = {0, 1000000000}, past = {1, 0};
    on(3, words, FUTEX_PRIVATE_FLAG);
    CHECK_ERRNO(waitv(0, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(MOST + 1, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(3, 1, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(3, 0, &bad, CLOCK_MONOTONIC), EINVAL);
    CHECK_ERRNO(waitv(3, 0, &past, CLOCK_BOOTTIME), EINVAL);
    CHECK_ERRNO(waitv(3, 0, (struct timespec *)8, CLOCK_MONOTONIC), EFAULT);
    CHECK_ERRNO(waitv(3, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT);
    CHECK_ERRNO(syscall(SYS_futex_waitv, 8L, 3, 0, NULL, 0), EFAULT);
    ones[2].reserved = 1;
    CHECK_ERRNO(waitv(3, 0, NULL, 0), EINVAL);
    on(3, words, FUTEX_PRIVATE_FLAG);
    ones[1].flags = 0x40000000;
    CHECK_ERRNO(waitv(3, 0, NULL, 0), EINVAL);
    on(3, words, FUTEX_PRIVATE_FLAG);
    ones[1].address++;
    CHECK_ERRNO(waitv(3, 0, NULL, 0), EINVAL);
    ones[1].address = 8;
    CHECK_ERRNO(waitv(3, 0, NULL, 0), EFAULT);
    on(3, words, FUTEX_PRIVATE_FLAG);
    ones[2].value++;
    CHECK_ERRNO(waitv(3, 0, NULL, 0), EAGAIN);
    CHECK_EQ(wake(&words[0], 1), 0);
}

static void never_early(int clock)
{
    struct timespec soon = in_ms(clock, 20), now;
    on(5, words, FUTEX_PRIVATE_FLAG);
    CHECK_ERRNO(waitv(5, 0, &soon, clock), ETIMEDOUT);
    clock_gettime(clock, &now);
    CHECK(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
    for (int i = 0; i < 5; i++)
        CHECK_EQ(wake(&words[i], 1), 0);
}

static void *waits(void *arg)
{
    atomic_store(&waiting, 1);
    long woken = waitv(7, 0, NULL, 0);
    atomic_store(&result, woken == -1 ? -errno : (int)woken);
    return arg;
}

static void until_a_signal(int flags)
{
    count_signals(SIGUSR1, flags);
    on(7, words, FUTEX_PRIVATE_FLAG);
    atomic_store(&waiting, 0), atomic_store(&handled, 0), atomic_store(&result, 99);
    pthread_t thread = start(waits, NULL);
    wait_for(&waiting, 1);
    wait_ticks(5);
    if (!flags) {
        interrupt_to_end(thread);
        CHECK_EQ(atomic_load(&result), -EINTR);
        return;
    }
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    wait_for(&handled, 1);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&result), 99);
    wake_private(&words[6]);
    join(thread);
    CHECK_EQ(atomic_load(&result), 6);
}

int main(void)
{
    struct timespec past = {1, 0}, late;
    if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 && errno == ENOSYS)
        LACKS("futex_waitv (Linux 5.16)");
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    waiting_begin();
    errors();
    never_early(CLOCK_MONOTONIC);
    never_early(CLOCK_REALTIME);
    until_a_signal(0);
    until_a_signal(SA_RESTART);
    /* private */
    on(MOST, words, FUTEX_PRIVATE_FLAG);
    CHECK_EQ(WAITS(waitv(MOST, 0, NULL, 0), wake_private, &words[77]), 77);
    CHECK_EQ(WAITS(waitv(1, 0, NULL, 0), wake_private, &words[0]), 0);
    late = in_ms(CLOCK_MONOTONIC, 60000);
    CHECK_EQ(WAITS(waitv(3, 0, &late, CLOCK_MONOTONIC), change_and_wake, &words[2]), 2);
    CHECK_ERRNO(waitv(3, 0, &past, CLOCK_MONOTONIC), EAGAIN);
    /* private memory, called shared */
    on(3, words, 0);
    CHECK_EQ(WAITS(waitv(3, 0, NULL, 0), wake_shared, &words[1]), 1);
    /* shared */
    on(3, shared, 0);
    CHECK_EQ(WAITS(waitv(3, 0, NULL, 0), wake_shared, &shared[2]), 2);
    /* both */
    on(3, words, FUTEX_PRIVATE_FLAG);
    ones[1] = (struct one){0, (uint64_t)(uintptr_t)&shared[1], SIZE_32, 0};
    CHECK_EQ(WAITS(waitv(3, 0, NULL, 0), wake_shared, &shared[1]), 1);
    CHECK_EQ(WAITS(waitv(3, 0, NULL, 0), wake_private_among_shared, &words[0]), 0);
    waiting_end();
    printf("done\n");
    return 0;
}
