/* The table of signal(7), row by row: a handler with SA_RESTART lets these calls go on waiting and those end with EINTR;
 * without it all end with EINTR. The handler runs in the thread that waits, the others go on meanwhile.
 * flags: -lrt
 * timeout: 60
 */
#include "children.h"
#include "handled.h"
#include "socket_timeout.h"
#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <linux/futex.h>

static int ends[2], pair[2], timed[2], stuffed[2], full[2], events, watch, semaphores, messages, full_messages, locked, locker;
static int listener, timed_listener, files[2];
static struct sockaddr_in address, timed_address;
static char folder[] = "/tmp/lichen-restart-XXXXXX", path[64];
static sem_t sem;
static uint32_t word;
static mqd_t empty_queue, full_queue;
static pid_t child;
static atomic_int waiting;
static char big[1 << 20];
static struct timespec far_off;

/* Each waits; a -1 with EINTR is "interrupted", all else "went on". */
static long w_read(void) { char byte; return read(ends[0], &byte, 1); }
static long w_readv(void) { char byte; struct iovec v = {&byte, 1}; return readv(ends[0], &v, 1); }
static long w_write(void) { return write(full[1], "x", 1); }
static long w_writev(void) { struct iovec v = {(char *)"x", 1}; return writev(full[1], &v, 1); }
static long w_recv(void) { char byte; return recv(pair[0], &byte, 1, 0); }
static long w_recvmsg(void)
{
    char byte;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    return recvmsg(pair[0], &m, 0);
}
static long w_recvmmsg(void)
{
    char byte;
    struct iovec v = {&byte, 1};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
    return recvmmsg(pair[0], &m, 1, 0, NULL);
}
static long w_read_socket(void) { char byte; return read(pair[0], &byte, 1); }
static long w_recv_timed(void) { char byte; return recv(timed[0], &byte, 1, 0); }
static long w_send_timed(void) { return send(stuffed[1], big, sizeof big, 0) == sizeof big ? 1 : -1; }
static long w_accept(void) { return accept(listener, NULL, NULL); }
static long w_accept_timed(void) { return accept(timed_listener, NULL, NULL); }
static long w_wait4(void) { return waitpid(child, NULL, 0); }
static long w_wait_any(void) { return wait(NULL); }
static long w_waitid(void) { siginfo_t info; return waitid(P_PID, (id_t)child, &info, WEXITED); }
static long w_waitid_all(void) { siginfo_t info; return waitid(P_ALL, 0, &info, WEXITED); }
static long w_flock(void) { return flock(locker, LOCK_EX); }
static long lock_by(int command)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(files[1], command, &lock);
}
static long w_ofd(void) { return lock_by(F_OFD_SETLKW); }
static long w_mq_receive(void) { char text[8]; return mq_receive(empty_queue, text, sizeof text, NULL); }
static long w_mq_timedreceive(void) { char text[8]; return mq_timedreceive(empty_queue, text, sizeof text, NULL, &far_off); }
static long w_mq_send(void) { return mq_send(full_queue, "x", 1, 0); }
static long w_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0); }
static long w_futex_timed(void)
{
    struct timespec time = {1000, 0};
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
}
static long w_futex_bitset(void)
{
    return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &far_off, NULL, -1);
}
static long w_sem(void) { return sem_wait(&sem); }
static long w_sem_timed(void) { return sem_timedwait(&sem, &far_off); }
static long w_inotify(void) { char text[512]; return read(watch, text, sizeof text); }
static long w_eventfd(void) { uint64_t value; return read(events, &value, sizeof value); }
static long w_poll(void) { struct pollfd one = {ends[0], POLLIN, 0}; return poll(&one, 1, -1); }
static long w_ppoll(void)
{
    struct pollfd one = {ends[0], POLLIN, 0};
    struct timespec time = {1000, 0};
    return ppoll(&one, 1, &time, NULL);
}
static long w_select(void) { fd_set s; FD_ZERO(&s); FD_SET(ends[0], &s); return select(ends[0] + 1, &s, 0, 0, NULL); }
static long w_pselect(void) { fd_set s; FD_ZERO(&s); FD_SET(ends[0], &s); return pselect(ends[0] + 1, &s, 0, 0, NULL, NULL); }
static long by_epoll(int timeout)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = epoll_create1(EPOLL_CLOEXEC);
    CHECK_EQ(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event), 0);
    long rc = epoll_wait(fd, &event, 1, timeout);
    int kept = errno;
    close(fd);
    errno = kept;
    return rc;
}
static long w_epoll(void) { return by_epoll(-1); }
static long w_epoll_timed(void) { return by_epoll(1000000); }
static long w_pause(void) { return pause(); }
static long w_sigsuspend(void) { sigset_t set; sigemptyset(&set); return sigsuspend(&set); }
static long w_sigtimedwait(void)
{
    sigset_t set;
    struct timespec time = {1000, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &time);
}
static long w_sigwaitinfo(void) { sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR2); return sigwaitinfo(&set, NULL); }
static long w_semop(void) { struct sembuf one = {0, -1, 0}; return semop(semaphores, &one, 1); }
static long w_semtimedop(void)
{
    struct sembuf one = {0, -1, 0};
    struct timespec time = {1000, 0};
    return semtimedop(semaphores, &one, 1, &time);
}
struct letter { long kind; char text[64]; };
static long w_msgrcv(void) { struct letter letter; return msgrcv(messages, &letter, sizeof letter.text, 0, 0); }
static long w_msgsnd(void) { struct letter letter = {.kind = 1}; return msgsnd(full_messages, &letter, sizeof letter.text, 0); }
static long w_nanosleep(void) { struct timespec time = {1000, 0}; return nanosleep(&time, &time); }
static long w_clock_nanosleep(void)
{
    int rc = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &far_off, NULL);
    errno = rc;
    return rc ? -1 : 0;
}
static long w_usleep(void) { return usleep(900000000); }
static long w_sleep(void) { return sleep(1000) ? -1 : 0; }

static void f_byte(void) { CHECK_EQ(write(ends[1], "x", 1), 1); }
static void f_drain(void) { CHECK(read(full[0], big, 65536) > 0); }
static void f_socket(void) { CHECK_EQ(write(pair[1], "x", 1), 1); }
static void f_connect(void) { connected_tcp(&address); }
static void f_child(void) { CHECK_EQ(kill(child, SIGKILL), 0); }
static void f_unlock(void) { CHECK_EQ(flock(locked, LOCK_UN), 0); }
static void f_unlock_ofd(void)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK_EQ(fcntl(files[0], F_OFD_SETLK, &lock), 0);
}
static void f_queue(void) { CHECK_EQ(mq_send(empty_queue, "x", 1, 0), 0); }
static void f_full_queue(void) { char text[8]; CHECK(mq_receive(full_queue, text, sizeof text, NULL) >= 0); }
static void f_futex(void)
{
    while (syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1) == 0)
        sleep_ms(1);
}
static void f_sem(void) { CHECK_EQ(sem_post(&sem), 0); }
static void f_inotify(void) { close(creat(path, 0600)); unlink(path); }
static void f_event(void) { uint64_t one = 1; CHECK_EQ(write(events, &one, sizeof one), sizeof one); }

enum { NEVER, RESTARTS };
static const struct row {
    const char *name;
    long (*wait)(void);
    void (*feed)(void);
    int restarts;
} table[] = {
    {"read", w_read, f_byte, RESTARTS},
    {"readv", w_readv, f_byte, RESTARTS},
    {"write", w_write, f_drain, RESTARTS},
    {"writev", w_writev, f_drain, RESTARTS},
    {"read of a socket", w_read_socket, f_socket, RESTARTS},
    {"recv", w_recv, f_socket, RESTARTS},
    {"recvmsg", w_recvmsg, f_socket, RESTARTS},
    {"recvmmsg", w_recvmmsg, f_socket, RESTARTS},
    {"accept", w_accept, f_connect, RESTARTS},
    {"wait4", w_wait4, f_child, RESTARTS},
    {"wait4 of any", w_wait_any, f_child, RESTARTS},
    {"waitid", w_waitid, f_child, RESTARTS},
    {"waitid of any", w_waitid_all, f_child, RESTARTS},
    {"flock", w_flock, f_unlock, RESTARTS},
    {"F_OFD_SETLKW", w_ofd, f_unlock_ofd, RESTARTS},
    {"mq_receive", w_mq_receive, f_queue, RESTARTS},
    {"mq_timedreceive", w_mq_timedreceive, f_queue, RESTARTS},
    {"mq_send", w_mq_send, f_full_queue, RESTARTS},
    {"futex", w_futex, f_futex, RESTARTS},
    {"futex with a time-out", w_futex_timed, NULL, NEVER},
    {"futex with a deadline", w_futex_bitset, NULL, NEVER},
    {"sem_wait", w_sem, f_sem, RESTARTS},
    {"sem_timedwait", w_sem_timed, NULL, NEVER},
    {"read of inotify", w_inotify, f_inotify, RESTARTS},
    {"read of an eventfd", w_eventfd, f_event, RESTARTS},
    {"recv with SO_RCVTIMEO", w_recv_timed, NULL, NEVER},
    {"send with SO_SNDTIMEO", w_send_timed, NULL, NEVER},
    {"accept with SO_RCVTIMEO", w_accept_timed, NULL, NEVER},
    {"poll", w_poll, NULL, NEVER},
    {"ppoll", w_ppoll, NULL, NEVER},
    {"select", w_select, NULL, NEVER},
    {"pselect", w_pselect, NULL, NEVER},
    {"epoll_wait", w_epoll, NULL, NEVER},
    {"epoll_wait with a time-out", w_epoll_timed, NULL, NEVER},
    {"pause", w_pause, NULL, NEVER},
    {"sigsuspend", w_sigsuspend, NULL, NEVER},
    {"sigtimedwait", w_sigtimedwait, NULL, NEVER},
    {"sigwaitinfo", w_sigwaitinfo, NULL, NEVER},
    {"semop", w_semop, NULL, NEVER},
    {"semtimedop", w_semtimedop, NULL, NEVER},
    {"msgrcv", w_msgrcv, NULL, NEVER},
    {"msgsnd", w_msgsnd, NULL, NEVER},
    {"nanosleep", w_nanosleep, NULL, NEVER},
    {"clock_nanosleep", w_clock_nanosleep, NULL, NEVER},
    {"usleep", w_usleep, NULL, NEVER},
    {"sleep", w_sleep, NULL, NEVER},
};

static void *waits(void *arg)
{
    const struct row *row = arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    atomic_store(&waiting, 1);
    errno = 0;
    long rc = row->wait();
    return (void *)(long)(rc == -1 ? errno : 0);
}

static void again(const struct row *row, int flags)
{
    count_signals(SIGUSR1, flags);
    int restarts = flags != 0 && row->restarts, before = atomic_load(&handled);
    int forks = row->feed == f_child;
    if (forks)
        child = sleeping_child();
    atomic_store(&waiting, 0);
    pthread_t thread = start(waits, (void *)row);
    wait_for(&waiting, 1);
    wait_ticks(6);
    /* A signal that comes before the thread waits interrupts nothing: it is sent until the call has ended. */
    void *errno_of = NULL;
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    wait_for(&handled, before + 1);
    CHECK(pthread_equal(handled_in, thread));
    if (restarts) {
        wait_ticks(3);
        CHECK_EQ(pthread_tryjoin_np(thread, &errno_of), EBUSY);
        row->feed();
        errno_of = join(thread);
        CHECK_EQ(atomic_load(&handled), before + 1);
    } else {
        errno_of = interrupt_to_end(thread);
    }
    if (forks && !restarts) {
        f_child();
        CHECK_EQ(waitpid(child, NULL, 0), child);
    }
    printf("%s, %s: %s\n", row->name, flags ? "SA_RESTART" : "plain", errno_of ? strerror((int)(long)errno_of) : "went on");
    CHECK_EQ((long)errno_of, restarts ? 0 : EINTR);
    if (row->wait == w_flock)
        flock(locker, LOCK_UN), flock(locked, LOCK_EX);
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

static mqd_t queue(long messages_at_most)
{
    char name[32];
    struct mq_attr attr = {.mq_maxmsg = messages_at_most, .mq_msgsize = 8};
    snprintf(name, sizeof name, "/lichen-%d", getpid());
    mqd_t fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    CHECK(fd >= 0);
    CHECK_EQ(mq_unlink(name), 0);
    return fd;
}

static void lock_file(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK_EQ(fcntl(files[0], F_OFD_SETLK, &lock), 0);
}

static void set_up(void)
{
    struct letter letter = {.kind = 1};
    far_off = in_ms(CLOCK_REALTIME, 1000000);
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(full), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, timed), 0);
    set_timeout(timed[0], SO_RCVTIMEO, 1000000);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, stuffed), 0);
    set_timeout(stuffed[1], SO_SNDTIMEO, 1000000);
    fill(stuffed[1]);
    listener = listen_tcp(&address, 4);
    timed_listener = listen_tcp(&timed_address, 4);
    set_timeout(timed_listener, SO_RCVTIMEO, 1000000);
    CHECK_EQ(sem_init(&sem, 0, 0), 0);
    events = eventfd(0, 0);
    locked = open(folder, O_RDONLY);
    locker = open(folder, O_RDONLY);
    CHECK_EQ(flock(locked, LOCK_EX), 0);
    files[0] = open(path, O_RDWR | O_CREAT, 0600);
    files[1] = open(path, O_RDWR);
    watch = inotify_init1(0);
    CHECK(inotify_add_watch(watch, folder, IN_CREATE) >= 0);
    CHECK_EQ(unlink(path), 0);
    empty_queue = queue(1);
    full_queue = queue(1);
    CHECK_EQ(mq_send(full_queue, "x", 1, 0), 0);
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    messages = msgget(IPC_PRIVATE, 0600);
    full_messages = msgget(IPC_PRIVATE, 0600);
    CHECK(semaphores >= 0 && messages >= 0 && full_messages >= 0);
    while (msgsnd(full_messages, &letter, sizeof letter.text, IPC_NOWAIT) == 0)
        ;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    set_up();
    ticker_start();
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (table[i].wait == w_write || table[i].wait == w_writev)
            fill(full[1]);
        if (table[i].wait == w_ofd)
            lock_file();
        again(&table[i], 0);
        again(&table[i], SA_RESTART);
    }
    ticker_end();
    semctl(semaphores, 0, IPC_RMID);
    msgctl(messages, IPC_RMID, NULL);
    msgctl(full_messages, IPC_RMID, NULL);
    CHECK_EQ(rmdir(folder), 0);
    return 0;
}
