/* eventfd: a value that does not fit waits although poll says that there is room for one, and holds up nobody; errors
 * come before waiting, also from a full counter; with O_NONBLOCK it says EAGAIN. Reads take all, and in semaphore mode one.
 */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#define MOST (UINT64_MAX - 1)
static int event;
static atomic_int done;
static void *volatile bad = (void *)8;

static uint64_t take(void)
{
    uint64_t value = 0;
    CHECK_EQ(read(event, &value, 8), 8);
    return value;
}

static void *gives(void *arg)
{
    uint64_t value = (uint64_t)(uintptr_t)arg;
    CHECK_EQ(write(event, &value, 8), 8);
    atomic_fetch_add(&done, 1);
    return NULL;
}

static void *gives_two(void *arg)
{
    uint64_t values[2] = {3, MOST};
    struct iovec parts[2] = {{&values[0], 8}, {&values[1], 8}};
    (void)arg;
    CHECK_EQ(writev(event, parts, 2), 16);
    atomic_fetch_add(&done, 1);
    return NULL;
}

/* Starts a thread that writes and has to wait, and lets others count meanwhile. */
static pthread_t waiting(void *(*writes)(void *), uint64_t value)
{
    atomic_store(&done, 0);
    pthread_t thread = start(writes, (void *)(uintptr_t)value);
    wait_ticks(10);
    CHECK_EQ(atomic_load(&done), 0);
    return thread;
}

int main(void)
{
    uint64_t value = 1;
    struct pollfd room;
    ticker_start();
    event = eventfd(1, 0);
    room = (struct pollfd){.fd = event, .events = POLLOUT};
    CHECK_EQ(poll(&room, 1, 0), 1);
    pthread_t thread = waiting(gives, MOST);
    CHECK_EQ(take(), 1);
    join(thread);
    CHECK(take() == MOST);

    value = MOST - 3;
    CHECK_EQ(write(event, &value, 8), 8);
    CHECK_EQ(poll(&room, 1, 0), 1);
    thread = waiting(gives, 5);
    CHECK(take() == MOST - 3);
    join(thread);
    CHECK_EQ(take(), 5);

    thread = waiting(gives_two, 0);
    CHECK_EQ(take(), 3);
    join(thread);
    CHECK(take() == MOST);

    value = MOST;
    CHECK_EQ(write(event, &value, 8), 8);
    CHECK_EQ(poll(&room, 1, 0), 0);
    CHECK_ERRNO(write(event, &value, 4), EINVAL);
    CHECK_ERRNO(write(event, bad, 8), EFAULT);
    value = UINT64_MAX;
    CHECK_ERRNO(write(event, &value, 8), EINVAL);
    value = 0;
    CHECK_EQ(write(event, &value, 8), 8);
    CHECK_EQ(fcntl(event, F_SETFL, O_NONBLOCK), 0);
    value = 1;
    CHECK_ERRNO(write(event, &value, 8), EAGAIN);
    CHECK(take() == MOST);
    value = 2;
    CHECK_EQ(write(event, &value, 8), 8);
    CHECK_EQ(take(), 2);
    close(event);

    event = eventfd(0, EFD_SEMAPHORE);
    value = MOST;
    CHECK_EQ(write(event, &value, 8), 8);
    thread = waiting(gives, 2);
    CHECK_EQ(take(), 1);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&done), 0);
    CHECK_EQ(take(), 1);
    join(thread);
    ticker_end();
    printf("done\n");
    return 0;
}
