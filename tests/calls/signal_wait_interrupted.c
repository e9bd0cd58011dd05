/* pthread_kill to a waiting thread: the handler runs in that thread; without SA_RESTART the call ends with EINTR, with
 * it read, recv, accept and futex-based waits go on, while poll, select, epoll_wait and sleeps end with EINTR. */
#include "check.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>

static int ends[2], sockets[2], listener;
static struct sockaddr_in address;
static atomic_int handled, waiting;
static pthread_t handled_in;
static sem_t sem;

static void handler(int number)
{
    int kept = errno;
    (void)number;
    handled_in = pthread_self();
    atomic_fetch_add(&handled, 1);
    errno = kept;
}

static long wait_in(long how)
{
    char byte;
    struct pollfd one = {ends[0], POLLIN, 0};
    struct epoll_event event;
    fd_set set;
    switch (how) {
    case 0:
        return read(ends[0], &byte, 1);
    case 1:
        return recv(sockets[0], &byte, 1, 0);
    case 2:
        return accept(listener, NULL, NULL) >= 0 ? 1 : -1;
    case 3:
        return sem_wait(&sem) == 0 ? 1 : -1;
    case 4:
        return poll(&one, 1, -1);
    case 5:
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        return select(ends[0] + 1, &set, NULL, NULL, NULL);
    case 6:
        return epoll_wait(epoll_create1(0), &event, 1, -1);
    case 7:
        return pause();
    default:
        return sleep(100) ? -1 : 0;
    }
}

static void *waits(void *arg)
{
    atomic_store(&waiting, 1);
    errno = EINTR;
    long rc = wait_in((long)arg);
    if (rc == -1)
        CHECK_EQ(errno, EINTR);
    return (void *)rc;
}

static void feed(long how)
{
    switch (how) {
    case 0:
        CHECK_EQ(write(ends[1], "x", 1), 1);
        break;
    case 1:
        CHECK_EQ(write(sockets[1], "x", 1), 1);
        break;
    case 2:
        CHECK_EQ(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address), 0);
        break;
    case 3:
        CHECK_EQ(sem_post(&sem), 0);
        break;
    }
}

static void with(int flags, int how, int restarts)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    int before = atomic_load(&handled);
    atomic_store(&waiting, 0);
    pthread_t thread = start(waits, (void *)(long)how);
    wait_for(&waiting, 1);
    sleep_ms(10);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    wait_for(&handled, before + 1);
    CHECK(pthread_equal(handled_in, thread));
    if (restarts) {
        sleep_ms(5);
        feed(how);
    }
    CHECK_EQ((long)join(thread), restarts ? 1 : -1);
    CHECK_EQ(atomic_load(&handled), before + 1);
}

int main(void)
{
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK_EQ(sem_init(&sem, 0, 0), 0);
    listener = listen_tcp(&address, 4);
    ticker_start();
    for (int how = 0; how < 9; how++) {
        with(0, how, 0);
        with(SA_RESTART, how, how < 4);
    }
    ticker_end();
    printf("handled %d\n", atomic_load(&handled));
    return 0;
}
