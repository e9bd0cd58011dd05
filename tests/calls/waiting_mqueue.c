/* A thread waits for a message, or for room, in a POSIX message queue while other threads run, one of which ends the wait.
 * waits: mq_timedsend, mq_timedreceive
 * flags: -lrt
 * greens
 */
#include "waiting.h"
#include <mqueue.h>

static mqd_t queue;

static void send_one(void *arg) { CHECK_EQ(mq_send(queue, arg, 4, 3), 0); }

static void receive_one(void *arg)
{
    unsigned priority;
    CHECK_EQ(mq_receive(queue, arg, 4, &priority), 4);
    CHECK_EQ(priority, 3);
}

int main(void)
{
    char name[64], text[4], first[4] = "one", second[4] = "two";
    unsigned priority = 9;
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 4};
    struct timespec late = in_ms(CLOCK_REALTIME, 60000);
    snprintf(name, sizeof name, "/lichen-waiting-%d", (int)getpid());
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
    if (queue == (mqd_t)-1 && errno == ENOSYS) {
        fprintf(stderr, "no POSIX message queues here\n");
        return 77;
    }
    CHECK(queue != (mqd_t)-1);
    CHECK_EQ(mq_unlink(name), 0);
    waiting_begin();
    CHECK_EQ(WAITS(syscall(SYS_mq_timedreceive, queue, text, 4L, &priority, NULL), send_one, first), 4);
    CHECK_EQ(memcmp(text, first, 4), 0);
    CHECK_EQ(priority, 3);
    CHECK_EQ(WAITS(mq_timedreceive(queue, text, 4, NULL, &late), send_one, second), 4);
    CHECK_EQ(memcmp(text, second, 4), 0);
    send_one(first);
    CHECK_EQ(WAITS(syscall(SYS_mq_timedsend, queue, second, 4L, 5L, &late), receive_one, text), 0);
    CHECK_EQ(memcmp(text, first, 4), 0);
    CHECK_EQ(mq_receive(queue, text, 4, &priority), 4);
    CHECK_EQ(memcmp(text, second, 4), 0);
    CHECK_EQ(priority, 5);
    waiting_end();
    CHECK_EQ(mq_close(queue), 0);
    printf("done\n");
    return 0;
}
