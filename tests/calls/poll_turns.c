/* A thread that polls again and again, and never has to wait for the answer, does not keep others waiting whose bytes have
 * come: for each call of the family, with something ready at every look, and with nothing ready and no time to wait. How
 * soon is looked at on green threads only, in looks; natively each may have a processor.
 * greens
 */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#define MANY 200
#define READERS 4
enum way { POLL, PPOLL, SELECT, PSELECT, EPOLL_WAIT, EPOLL_PWAIT, WAYS };
static const char *const names[WAYS] = {"poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait"};

static atomic_int have_read;
static int watched[2], other[2], epoll;

static int look(enum way way, int wait)
{
    struct pollfd one = {.fd = watched[0], .events = POLLIN};
    struct epoll_event event;
    struct timespec none = {0, 0};
    struct timeval at_once = {0, 0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(watched[0], &set);
    switch (way) {
    case POLL: return poll(&one, 1, wait ? -1 : 0);
    case PPOLL: return ppoll(&one, 1, wait ? NULL : &none, NULL);
    case SELECT: return select(watched[0] + 1, &set, NULL, NULL, wait ? NULL : &at_once);
    case PSELECT: return pselect(watched[0] + 1, &set, NULL, NULL, wait ? NULL : &none, NULL);
    case EPOLL_WAIT: return epoll_wait(epoll, &event, 1, wait ? -1 : 0);
    default: return epoll_pwait(epoll, &event, 1, wait ? -1 : 0, NULL);
    }
}

static void *reads(void *arg)
{
    char byte;
    CHECK_EQ(read(other[0], &byte, 1), 1);
    atomic_fetch_add(&have_read, 1);
    return arg;
}

/* How often this thread looks until the others have read. */
static int looks_until_read(enum way way, int ready)
{
    int looks = 0;
    pthread_t threads[READERS];
    atomic_store(&have_read, 0);
    for (int i = 0; i < READERS; i++)
        threads[i] = start(reads, NULL);
    sleep_ms(1);
    CHECK_GREENS();
    CHECK_EQ(write(other[1], "four", READERS), READERS);
    for (; atomic_load(&have_read) < READERS; looks++)
        CHECK_EQ(look(way, ready), ready);
    for (int i = 0; i < READERS; i++)
        join(threads[i]);
    return looks;
}

int main(void)
{
    char byte;
    struct epoll_event event = {.events = EPOLLIN};
    CHECK_EQ(pipe(watched), 0);
    CHECK_EQ(pipe(other), 0);
    CHECK((epoll = epoll_create1(0)) >= 0);
    CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, watched[0], &event), 0);
    for (enum way way = POLL; way < WAYS; way++) {
        for (int ready = 0; ready < 2; ready++) {
            if (ready)
                CHECK_EQ(write(watched[1], "", 1), 1);
            int looks = looks_until_read(way, ready);
            if (expect_greens() && looks > MANY) {
                dprintf(2, "%s looked %d times, %d ready\n", names[way], looks, ready);
                CHECK(!"the others must have their turn");
            }
            if (ready)
                CHECK_EQ(read(watched[0], &byte, 1), 1);
        }
    }
    printf("done\n");
    return 0;
}
