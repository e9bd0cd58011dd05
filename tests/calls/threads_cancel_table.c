/* Every cancellation point of libc that waits: a thread parked in it is cancelled at once, its cleanup handler runs, and
 * what it waited for is still there for the next one. Cancelled before it comes to such a call, it does not wait at all.
 * flags: -lrt
 * timeout: 60
 */
#include "check.h"
#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int ends[2], full[2], pair[2], stuffed[2], listener, epoll, messages, files[2];
static struct sockaddr_in address;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static mqd_t queue;
static pid_t child;
static pthread_t joined;
static struct timespec far_off;
static char big[1 << 20];
static sigset_t usr;
static char fifo[64];
static atomic_int begun, cleaned, joined_ends;

static void w_read(void) { char b; read(ends[0], &b, 1); }
static void w_readv(void) { char b; struct iovec v = {&b, 1}; readv(ends[0], &v, 1); }
static void w_write(void) { write(full[1], "x", 1); }
static void w_writev(void) { struct iovec v = {big, 1}; writev(full[1], &v, 1); }
static void w_recv(void) { char b; recv(pair[0], &b, 1, 0); }
static void w_recvfrom(void) { char b; recvfrom(pair[0], &b, 1, 0, NULL, NULL); }
static void w_recvmsg(void)
{
    char b;
    struct iovec v = {&b, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    recvmsg(pair[0], &m, 0);
}
static void w_send(void) { send(stuffed[1], big, sizeof big, 0); }
static void w_sendmsg(void)
{
    struct iovec v = {big, sizeof big};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    sendmsg(stuffed[1], &m, 0);
}
static void w_accept(void) { accept(listener, NULL, NULL); }
static void w_accept4(void) { accept4(listener, NULL, NULL, SOCK_CLOEXEC); }
static void w_poll(void) { struct pollfd p = {ends[0], POLLIN, 0}; poll(&p, 1, -1); }
static void w_ppoll(void) { struct pollfd p = {ends[0], POLLIN, 0}; ppoll(&p, 1, NULL, NULL); }
static void w_select(void) { fd_set s; FD_ZERO(&s); FD_SET(ends[0], &s); select(ends[0] + 1, &s, 0, 0, NULL); }
static void w_pselect(void) { fd_set s; FD_ZERO(&s); FD_SET(ends[0], &s); pselect(ends[0] + 1, &s, 0, 0, NULL, NULL); }
static void w_epoll(void) { struct epoll_event e; epoll_wait(epoll, &e, 1, -1); }
static void w_epoll_pwait(void) { struct epoll_event e; epoll_pwait(epoll, &e, 1, -1, NULL); }
static void w_cond(void) { pthread_mutex_lock(&lock); pthread_cond_wait(&changed, &lock); }
static void w_cond_timed(void) { pthread_mutex_lock(&lock); pthread_cond_timedwait(&changed, &lock, &far_off); }
static void w_sem(void) { sem_wait(&sem); }
static void w_sem_timed(void) { sem_timedwait(&sem, &far_off); }
static void w_join(void) { pthread_join(joined, NULL); }
static void w_nanosleep(void) { struct timespec t = {1000, 0}; nanosleep(&t, NULL); }
static void w_clock_nanosleep(void) { clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &far_off, NULL); }
static void w_usleep(void) { usleep(900000000); }
static void w_sleep(void) { sleep(1000); }
static void w_pause(void) { pause(); }
static void w_sigsuspend(void) { sigset_t s; sigemptyset(&s); sigsuspend(&s); }
static void w_sigwait(void) { int n; sigwait(&usr, &n); }
static void w_sigwaitinfo(void) { sigwaitinfo(&usr, NULL); }
static void w_sigtimedwait(void) { struct timespec t = {1000, 0}; sigtimedwait(&usr, NULL, &t); }
static void w_wait(void) { wait(NULL); }
static void w_waitpid(void) { waitpid(child, NULL, 0); }
static void w_waitid(void) { waitid(P_PID, (id_t)child, NULL, WEXITED); }
static void w_msgrcv(void) { struct { long kind; char text[8]; } m; msgrcv(messages, &m, sizeof m.text, 0, 0); }
static void w_mq(void) { char text[8]; mq_receive(queue, text, sizeof text, NULL); }
static void w_lock(void)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    fcntl(files[1], F_OFD_SETLKW, &l);
}
static void w_open(void) { open(fifo, O_RDONLY); }

static const struct row {
    const char *name;
    void (*wait)(void);
} table[] = {
    {"read", w_read},           {"readv", w_readv},         {"write", w_write},
    {"writev", w_writev},       {"recv", w_recv},           {"recvfrom", w_recvfrom},
    {"recvmsg", w_recvmsg},     {"send", w_send},           {"sendmsg", w_sendmsg},
    {"accept", w_accept},       {"accept4", w_accept4},     {"poll", w_poll},
    {"ppoll", w_ppoll},         {"select", w_select},       {"pselect", w_pselect},
    {"epoll_wait", w_epoll},    {"epoll_pwait", w_epoll_pwait}, {"cond_wait", w_cond},
    {"cond_timedwait", w_cond_timed}, {"sem_wait", w_sem},  {"sem_timedwait", w_sem_timed},
    {"join", w_join},           {"nanosleep", w_nanosleep}, {"clock_nanosleep", w_clock_nanosleep},
    {"usleep", w_usleep},       {"sleep", w_sleep},         {"pause", w_pause},
    {"sigsuspend", w_sigsuspend}, {"sigwait", w_sigwait},   {"sigwaitinfo", w_sigwaitinfo},
    {"sigtimedwait", w_sigtimedwait}, {"wait", w_wait},     {"waitpid", w_waitpid},
    {"waitid", w_waitid},       {"msgrcv", w_msgrcv},       {"mq_receive", w_mq},
    {"F_OFD_SETLKW", w_lock},   {"open of a FIFO", w_open},
};

static void cleans(void *arg)
{
    const struct row *row = arg;
    if (row->wait == w_cond || row->wait == w_cond_timed)
        CHECK_EQ(pthread_mutex_unlock(&lock), 0); /* it owns the mutex again */
    atomic_fetch_add(&cleaned, 1);
}

static void *waits(void *arg)
{
    const struct row *row = arg;
    pthread_cleanup_push(cleans, arg);
    atomic_store(&begun, 1);
    row->wait();
    dprintf(2, "%s came back: %s\n", row->name, strerror(errno));
    pthread_cleanup_pop(0);
    return NULL;
}

static void *waits_late(void *arg)
{
    const struct row *row = arg;
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    atomic_store(&begun, 1);
    while (atomic_load(&begun) != 2)
        sleep_ms(1);
    pthread_cleanup_push(cleans, arg);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    row->wait();
    pthread_cleanup_pop(0);
    return NULL;
}

static void *stays(void *arg)
{
    while (!atomic_load(&joined_ends))
        sleep_ms(1);
    return arg;
}

static void once(const struct row *row, void *(*function)(void *))
{
    int before = atomic_load(&cleaned);
    atomic_store(&begun, 0);
    pthread_t thread = start(function, (void *)row);
    wait_for(&begun, 1);
    wait_ticks(3);
    CHECK_EQ(pthread_cancel(thread), 0);
    atomic_store(&begun, 2);
    CHECK(join(thread) == PTHREAD_CANCELED);
    CHECK_EQ(atomic_load(&cleaned), before + 1);
}

static void fill(int fd)
{
    CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (write(fd, big, 4096) > 0)
        ;
    while (write(fd, big, 1) > 0)
        ;
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
}

static void set_up(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
    char name[32], path[] = "/tmp/lichen-cancel-XXXXXX";
    far_off = in_ms(CLOCK_REALTIME, 1000000);
    sigemptyset(&usr);
    sigaddset(&usr, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &usr, NULL), 0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(full), 0);
    fill(full[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, stuffed), 0);
    fill(stuffed[1]);
    listener = listen_tcp(&address, 4);
    epoll = epoll_create1(0);
    CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    CHECK_EQ(sem_init(&sem, 0, 0), 0);
    messages = msgget(IPC_PRIVATE, 0600);
    snprintf(name, sizeof name, "/lichen-cancel-%d", getpid());
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    CHECK(messages >= 0 && queue >= 0);
    CHECK_EQ(mq_unlink(name), 0);
    files[0] = mkstemp(path);
    files[1] = open(path, O_RDWR);
    CHECK_EQ(fcntl(files[0], F_OFD_SETLK, &l), 0);
    CHECK_EQ(unlink(path), 0);
    snprintf(fifo, sizeof fifo, "/tmp/lichen-cancel-fifo-%d", getpid());
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    joined = start(stays, NULL);
}

/* What the cancelled ones waited for is there for another. */
static void nothing_is_lost(void)
{
    char b;
    int status;
    CHECK_EQ(write(ends[1], "a", 1), 1);
    CHECK_EQ(read(ends[0], &b, 1), 1);
    CHECK_EQ(write(pair[1], "b", 1), 1);
    CHECK_EQ(recv(pair[0], &b, 1, 0), 1);
    connected_tcp(&address);
    CHECK(accept(listener, NULL, NULL) >= 0);
    CHECK_EQ(sem_post(&sem), 0);
    CHECK_EQ(sem_wait(&sem), 0);
    CHECK_EQ(mq_send(queue, "m", 1, 0), 0);
    char text[8];
    CHECK_EQ(mq_receive(queue, text, sizeof text, NULL), 1);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, SIGKILL);
    atomic_store(&joined_ends, 1);
    join(joined);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(sigwaitinfo(&usr, NULL), SIGUSR1);
}

int main(void)
{
    set_up();
    ticker_start();
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        once(&table[i], waits);
        once(&table[i], waits_late);
        printf("%s: cancelled\n", table[i].name);
        fflush(stdout);
    }
    nothing_is_lost();
    ticker_end();
    msgctl(messages, IPC_RMID, NULL);
    CHECK_EQ(unlink(fifo), 0);
    return 0;
}
