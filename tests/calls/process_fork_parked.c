/* fork while other threads are parked in anything: the child has the caller alone, its own threads wait in the same calls
 * and are woken there, and the parent's threads notice nothing and end when what they wait for comes.
 * flags: -lrt
 */
#include "check.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>

enum kind { READ, POLL, EPOLL, COND, MUTEX, SEM, SLEEP, JOIN, ACCEPT, SIGWAIT, CHILD, ANY_CHILD, FLOCK, KINDS };

/* What one process's threads wait for; a forked child makes its own. */
struct world {
    int ends[2], event, epoll, listener, holder;
    struct sockaddr_in address;
    pthread_mutex_t lock, held;
    pthread_cond_t changed;
    int go;
    sem_t sem;
    pthread_t threads[KINDS], sleeper;
    pid_t children[2];
    char path[32];
    atomic_int waiting;
};

static void *sleeps(void *world)
{
    while (!((struct world *)world)->go)
        sleep_ms(2);
    return NULL;
}

struct one {
    struct world *world;
    enum kind kind;
};

static void *waits(void *arg)
{
    struct world *w = ((struct one *)arg)->world;
    enum kind kind = ((struct one *)arg)->kind;
    char byte;
    uint64_t value;
    int got;
    sigset_t set;
    struct pollfd one = {w->ends[0], POLLIN, 0};
    struct epoll_event event;
    free(arg);
    atomic_fetch_add(&w->waiting, 1);
    switch (kind) {
    case READ:
        CHECK_EQ(read(w->event, &value, sizeof value), sizeof value);
        break;
    case POLL:
        CHECK_EQ(poll(&one, 1, -1), 1);
        CHECK_EQ(read(w->ends[0], &byte, 1), 1);
        break;
    case EPOLL:
        CHECK_EQ(epoll_wait(w->epoll, &event, 1, -1), 1);
        break;
    case COND:
        pthread_mutex_lock(&w->lock);
        while (!w->go)
            pthread_cond_wait(&w->changed, &w->lock);
        pthread_mutex_unlock(&w->lock);
        break;
    case MUTEX:
        pthread_mutex_lock(&w->held);
        pthread_mutex_unlock(&w->held);
        break;
    case SEM:
        CHECK_EQ(sem_wait(&w->sem), 0);
        break;
    case SLEEP:
        sleeps(w);
        break;
    case JOIN:
        join(w->sleeper);
        break;
    case ACCEPT:
        CHECK(accept(w->listener, NULL, NULL) >= 0);
        break;
    case SIGWAIT:
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        CHECK_EQ(sigwait(&set, &got), 0);
        break;
    case CHILD:
        CHECK_EQ(wait_status(w->children[0]), SIGKILL);
        break;
    case ANY_CHILD:
        CHECK_EQ(waitpid(-w->children[1], NULL, 0), w->children[1]);
        break;
    case FLOCK: {
        int fd = open(w->path, O_RDONLY);
        CHECK_EQ(flock(fd, LOCK_EX), 0);
        close(fd);
        break;
    }
    default:
        break;
    }
    return NULL;
}

static pid_t sleeping_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        for (;;)
            pause();
    CHECK_EQ(setpgid(child, child), 0);
    return child;
}

static void set_up(struct world *w)
{
    struct epoll_event event = {.events = EPOLLIN};
    memset(w, 0, sizeof *w);
    CHECK_EQ(pipe(w->ends), 0);
    w->event = eventfd(0, 0);
    w->epoll = epoll_create1(0);
    CHECK_EQ(epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->ends[0], &event), 0);
    w->listener = listen_tcp(&w->address, 4);
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->held, NULL);
    pthread_cond_init(&w->changed, NULL);
    CHECK_EQ(sem_init(&w->sem, 0, 0), 0);
    strcpy(w->path, "/tmp/lichen-fork-XXXXXX");
    w->holder = mkstemp(w->path);
    CHECK_EQ(flock(w->holder, LOCK_EX), 0);
    pthread_mutex_lock(&w->held);
    w->children[0] = sleeping_child();
    w->children[1] = sleeping_child();
    w->sleeper = start(sleeps, w);
    for (int kind = 0; kind < KINDS; kind++) {
        struct one *one = malloc(sizeof *one);
        *one = (struct one){w, (enum kind)kind};
        w->threads[kind] = start(waits, one);
    }
    wait_for(&w->waiting, KINDS);
    sleep_ms(10);
}

static void let_go(struct world *w)
{
    uint64_t value = 1;
    CHECK_EQ(write(w->event, &value, sizeof value), sizeof value);
    CHECK_EQ(write(w->ends[1], "xx", 2), 2);
    pthread_mutex_lock(&w->lock);
    w->go = 1;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_mutex_unlock(&w->held);
    CHECK_EQ(sem_post(&w->sem), 0);
    connected_tcp(&w->address);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(kill(w->children[0], SIGKILL), 0);
    CHECK_EQ(kill(w->children[1], SIGKILL), 0);
    CHECK_EQ(flock(w->holder, LOCK_UN), 0);
    for (int kind = 0; kind < KINDS; kind++)
        join(w->threads[kind]);
    CHECK_EQ(unlink(w->path), 0);
}

static void *forks(void *arg)
{
    static struct world own;
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            set_up(&own);
            let_go(&own);
            _exit(0);
        }
        CHECK_CHILD(child, 0);
    }
    return arg;
}

int main(void)
{
    static struct world world;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    set_up(&world);
    in_both_threads(forks);
    let_go(&world);
    puts("parent and children");
    return 0;
}
