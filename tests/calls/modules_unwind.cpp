/* The stack can be unwound through a `syscall` instruction of the program itself that waits: a signal handler sees all
 * callers, a handler's exception flies through it, and a thread that is cancelled there runs its destructors.
 * flags: -fnon-call-exceptions -fasynchronous-unwind-tables
 */
#include "check.h"
#include "inline_calls.h"
#include <execinfo.h>
#include <unwind.h>
#include <stdexcept>

static int ends[2];
static atomic_int inside, seen, unwound;
static void *outer_address;
static bool throws;

struct Scope {
    ~Scope() { atomic_fetch_add(&unwound, 1); }
};

/* A handler's frame lies on top of the function that it interrupted. */
static void handler(int)
{
    void *frames[64];
    int count = backtrace(frames, 64);
    for (int i = 0; i < count; i++)
        if (_Unwind_FindEnclosingFunction(frames[i]) == outer_address)
            atomic_store(&seen, 1);
    if (throws)
        throw std::runtime_error("from the handler");
}

static __attribute__((noinline)) long outer()
{
    Scope scope;
    char byte = 0;
    atomic_store(&inside, 1);
    long got = inline_read(ends[0], &byte, 1);
    __asm__ volatile("" ::: "memory");
    return got;
}

static void *waits(void *)
{
    try {
        CHECK_EQ(outer(), -EINTR);
    } catch (const std::runtime_error &) {
        return (void *)1;
    }
    return NULL;
}

static void *is_cancelled(void *)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    outer();
    return NULL;
}

static pthread_t waiting(void *(*function)(void *))
{
    atomic_store(&inside, 0);
    pthread_t thread = start(function, NULL);
    wait_for(&inside, 1);
    sleep_ms(20);
    return thread;
}

int main()
{
    struct sigaction action = {};
    void *warm[4];
    backtrace(warm, 4); /* loads libgcc_s, which a handler must not */
    outer_address = (void *)outer;
    action.sa_handler = handler;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(pipe(ends), 0);

    pthread_t thread = waiting(waits);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    CHECK(join(thread) == NULL);
    CHECK_EQ(atomic_load(&seen), 1);
    CHECK_EQ(atomic_load(&unwound), 1);

    throws = true;
    thread = waiting(waits);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    CHECK(join(thread) == (void *)1);
    CHECK_EQ(atomic_load(&unwound), 2);

    thread = waiting(is_cancelled);
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    CHECK_EQ(atomic_load(&unwound), 3);
    printf("done\n");
    return 0;
}
