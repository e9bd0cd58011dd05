/* Threads that read the same pipe or datagram socket get what comes in the order in which they began to wait. */
#include "check.h"

#define READERS 5

static int fd_now;
static atomic_int begun;

static void *reads(void *arg)
{
    char byte[4] = "";
    (void)arg;
    atomic_fetch_add(&begun, 1);
    CHECK_EQ(read(fd_now, byte, 1), 1);
    return (void *)(long)byte[0];
}

static void in_order(int reader, int writer, const char *name)
{
    pthread_t threads[READERS];
    fd_now = reader;
    atomic_store(&begun, 0);
    for (int i = 0; i < READERS; i++) {
        threads[i] = start(reads, NULL);
        while (atomic_load(&begun) <= i)
            sched_yield();
        usleep(20000);
    }
    for (int i = 0; i < READERS; i++) {
        CHECK_EQ(write(writer, &"abcde"[i], 1), 1);
        CHECK_EQ((long)join(threads[i]), "abcde"[i]);
    }
    printf("%s\n", name);
}

int main(void)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    in_order(ends[0], ends[1], "pipe");
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    in_order(ends[0], ends[1], "datagrams");
    return 0;
}
