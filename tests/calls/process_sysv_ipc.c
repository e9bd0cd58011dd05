/* Threads that wait in semop, semtimedop, msgrcv and msgsnd hold up nobody, and are woken by others of the process. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

struct letter {
    long kind;
    char text[64];
};

static int set, queue;
static atomic_int begun, over;

static void add(short amount)
{
    struct sembuf one = {0, amount, 0};
    CHECK_EQ(semop(set, &one, 1), 0);
    atomic_fetch_add(&over, amount < 0);
}

static void *takes(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    add(-1);
    return NULL;
}

static void *receives(void *arg)
{
    struct letter letter = {0};
    atomic_fetch_add(&begun, 1);
    CHECK_EQ(msgrcv(queue, &letter, sizeof letter.text, (long)arg, 0), 6);
    CHECK_EQ(letter.kind, (long)arg);
    CHECK(strcmp(letter.text, "hello") == 0);
    atomic_fetch_add(&over, 1);
    return NULL;
}

static void *sends(void *arg)
{
    struct letter letter = {.kind = 9};
    (void)arg;
    atomic_fetch_add(&begun, 1);
    CHECK_EQ(msgsnd(queue, &letter, sizeof letter.text, 0), 0);
    atomic_fetch_add(&over, 1);
    return NULL;
}

static void *is_removed(void *arg)
{
    struct sembuf one = {0, -1, 0};
    (void)arg;
    atomic_fetch_add(&begun, 1);
    CHECK_ERRNO(semop(set, &one, 1), EIDRM);
    atomic_fetch_add(&over, 1);
    return NULL;
}

/* Starts two waiters; they are still waiting when the others have had several turns. */
static void begin(pthread_t threads[2], void *(*body)(void *))
{
    atomic_store(&begun, 0), atomic_store(&over, 0);
    for (long i = 0; i < 2; i++)
        threads[i] = start(body, (void *)(i + 1));
    wait_for(&begun, 2);
    wait_ticks(5);
    CHECK_EQ(atomic_load(&over), 0);
}

static void end(pthread_t threads[2])
{
    join(threads[0]);
    join(threads[1]);
    CHECK_EQ(atomic_load(&over), 2);
}

static void fill(void)
{
    struct letter letter = {.kind = 9};
    while (msgsnd(queue, &letter, sizeof letter.text, IPC_NOWAIT) == 0)
        ;
    CHECK_EQ(errno, EAGAIN);
}

static void drain(void)
{
    struct letter letter;
    CHECK_EQ(msgrcv(queue, &letter, sizeof letter.text, 9, 0), sizeof letter.text);
}

int main(void)
{
    pthread_t threads[2];
    set = semget(IPC_PRIVATE, 1, 0600);
    queue = msgget(IPC_PRIVATE, 0600);
    if (set < 0 || queue < 0) {
        fprintf(stderr, "no System V semaphores or message queues here\n");
        return 77;
    }
    ticker_start();
    begin(threads, takes);
    add(2);
    end(threads);
    struct sembuf one = {0, -1, 0}, now = {0, -1, IPC_NOWAIT};
    struct timespec soon = {0, 5000000};
    CHECK_ERRNO(semtimedop(set, &one, 1, &soon), EAGAIN);
    CHECK_ERRNO(semop(set, &now, 1), EAGAIN);

    begin(threads, receives);
    for (long kind = 2; kind > 0; kind--) {
        struct letter letter = {kind, "hello"};
        CHECK_EQ(msgsnd(queue, &letter, 6, 0), 0);
    }
    end(threads);

    fill();
    begin(threads, sends);
    drain();
    drain();
    end(threads);

    begin(threads, is_removed);
    CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
    end(threads);
    CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
    ticker_end();
    printf("done\n");
    return 0;
}
