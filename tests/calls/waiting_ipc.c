/* Waits for System V semaphores and message queues hold up no other thread, also when one of those ends the wait.
 * waits: semop, semtimedop, msgsnd, msgrcv
 * greens
 */
#include "waiting.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

static int set, queue;
static struct {
    long type;
    char text[4096];
} message = {1, "text"};

static void raise_it(void *arg)
{
    (void)arg;
    struct sembuf up = {0, 1, 0};
    CHECK_EQ(semop(set, &up, 1), 0);
}

static void put(void *arg)
{
    (void)arg;
    CHECK_EQ(msgsnd(queue, &message, 5, 0), 0);
}

static void take(void *arg)
{
    (void)arg;
    CHECK_EQ(msgrcv(queue, &message, sizeof message.text, 0, 0), sizeof message.text);
}

int main(void)
{
    struct sembuf down = {0, -1, 0};
    struct timespec minute = {60, 0};
    set = semget(IPC_PRIVATE, 1, 0600);
    queue = msgget(IPC_PRIVATE, 0600);
    CHECK(set >= 0 && queue >= 0);
    waiting_begin();

    CHECK_EQ(WAITS(syscall(SYS_semop, set, &down, 1), raise_it, NULL), 0);
    CHECK_EQ(WAITS(syscall(SYS_semtimedop, set, &down, 1, &minute), raise_it, NULL), 0);
    CHECK_EQ(semctl(set, 0, GETVAL), 0);

    CHECK_EQ(WAITS(syscall(SYS_msgrcv, queue, &message, sizeof message.text, 0, 0), put, NULL), 5);
    CHECK_EQ(memcmp(message.text, "text", 5), 0);
    while (msgsnd(queue, &message, sizeof message.text, IPC_NOWAIT) == 0)
        ;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(WAITS(syscall(SYS_msgsnd, queue, &message, sizeof message.text, 0), take, NULL), 0);

    waiting_end();
    CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
    CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
    printf("done\n");
    return 0;
}
