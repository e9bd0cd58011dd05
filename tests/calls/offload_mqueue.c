/* POSIX message queues between threads: order by priority, errors, time-outs that are not early, signals, and who gets a
 * message when somebody waits and somebody else asked for a notice.
 * flags: -lrt
 */
#include "handled.h"
#include <mqueue.h>

static char name[64];
static mqd_t queue;
static atomic_int waiting, came;

static void *receives(void *arg)
{
    char text[4];
    atomic_store(&waiting, 1);
    long got = mq_receive(queue, text, sizeof text, NULL);
    if (got == -1)
        CHECK_EQ(errno, EINTR);
    atomic_store(&came, got == 4 ? 1 : 2);
    return arg;
}

static pthread_t begin(void)
{
    atomic_store(&waiting, 0), atomic_store(&came, 0);
    pthread_t thread = start(receives, NULL);
    wait_for(&waiting, 1);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&came), 0);
    return thread;
}

static void order(void)
{
    static const unsigned priorities[] = {1, 7, 3, 7};
    static const char sorted[] = "bdca";
    char text[4];
    unsigned priority;
    for (size_t i = 0; i < 4; i++) {
        char one[4] = {(char)('a' + i)};
        CHECK_EQ(mq_send(queue, one, 4, priorities[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQ(mq_receive(queue, text, sizeof text, &priority), 4);
        CHECK_EQ(text[0], sorted[i]);
    }
}

static void errors(void)
{
    char text[8];
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, past = {1, 0};
    CHECK_ERRNO(mq_receive(queue, text, 3, NULL), EMSGSIZE);
    CHECK_ERRNO(mq_send(queue, text, 5, 0), EMSGSIZE);
    CHECK_ERRNO(mq_send(queue, text, 4, 1U << 30), EINVAL);
    CHECK_ERRNO(mq_timedreceive(queue, text, 4, NULL, &bad), EINVAL);
    CHECK_ERRNO(mq_timedreceive(queue, text, 4, NULL, &negative), EINVAL);
    CHECK_ERRNO(mq_timedreceive(queue, text, 4, NULL, (struct timespec *)8), EFAULT);
    CHECK_ERRNO(mq_timedreceive(-1, text, 4, NULL, &bad), EINVAL);
    CHECK_ERRNO(mq_timedreceive(-1, text, 4, NULL, &past), EBADF);
    CHECK_ERRNO(mq_timedreceive(queue, text, 4, NULL, &past), ETIMEDOUT);
    CHECK_ERRNO(mq_timedsend(1, text, 4, 0, &past), EBADF);
    mqd_t impatient = mq_open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(impatient != (mqd_t)-1);
    CHECK_ERRNO(mq_receive(impatient, text, 4, NULL), EAGAIN);
    CHECK_ERRNO(mq_timedreceive(impatient, text, 4, NULL, &past), EAGAIN);
    CHECK_ERRNO(mq_send(impatient, text, 4, 0), EBADF);
    CHECK_EQ(mq_close(impatient), 0);
}

static void never_early(void)
{
    char text[4];
    struct timespec soon = in_ms(CLOCK_REALTIME, 30), now;
    CHECK_ERRNO(mq_timedreceive(queue, text, 4, NULL, &soon), ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
}

/* Who waits gets the message; the notice stays asked for until one comes when nobody waits. */
static void notice(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    char text[4] = "abc";
    CHECK_EQ(mq_notify(queue, &event), 0);
    pthread_t thread = begin();
    CHECK_EQ(mq_send(queue, text, 4, 0), 0);
    join(thread);
    CHECK_EQ(atomic_load(&handled), 0);
    CHECK_EQ(mq_send(queue, text, 4, 0), 0);
    wait_for(&handled, 1);
    CHECK_EQ(mq_receive(queue, text, 4, NULL), 4);
}

static void until_a_signal(int flags)
{
    count_signals(SIGUSR1, flags);
    atomic_store(&handled, 0);
    pthread_t thread = begin();
    if (!flags) {
        interrupt_to_end(thread);
        CHECK_EQ(atomic_load(&came), 2);
        return;
    }
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    wait_for(&handled, 1);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&came), 0);
    CHECK_EQ(mq_send(queue, "abc", 4, 0), 0);
    join(thread);
    CHECK_EQ(atomic_load(&came), 1);
}

static void until_cancelled(void)
{
    void *value;
    struct mq_attr attr;
    pthread_t thread = begin();
    CHECK_EQ(pthread_cancel(thread), 0);
    CHECK_EQ(pthread_join(thread, &value), 0);
    CHECK(value == PTHREAD_CANCELED);
    CHECK_EQ(mq_send(queue, "abc", 4, 0), 0);
    CHECK_EQ(mq_getattr(queue, &attr), 0);
    CHECK_EQ(attr.mq_curmsgs, 1);
}

int main(void)
{
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 4};
    snprintf(name, sizeof name, "/lichen-mqueue-%d", (int)getpid());
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
    if (queue == (mqd_t)-1 && errno == ENOSYS)
        LACKS("POSIX message queues");
    CHECK(queue != (mqd_t)-1);
    count_signals(SIGUSR2, 0);
    ticker_start();
    order();
    errors();
    never_early();
    notice();
    until_a_signal(0);
    until_a_signal(SA_RESTART);
    until_cancelled();
    ticker_end();
    CHECK_EQ(mq_close(queue), 0);
    CHECK_EQ(mq_unlink(name), 0);
    printf("done\n");
    return 0;
}
