/* MSG_PEEK with MSG_WAITALL that waits for more than comes, until a signal ends it, leaves what there is: a read behind it
 * finds that at once.
 */
#include "handled.h"

static atomic_int peeked;

static void *peeks_then_reads(void *fd)
{
    char bytes[20];
    int end = *(int *)fd;
    CHECK_EQ(recv(end, bytes, sizeof bytes, MSG_PEEK | MSG_WAITALL), 10);
    atomic_store(&peeked, 1);
    CHECK_EQ(read(end, bytes, sizeof bytes), 10);
    CHECK(!memcmp(bytes, "0123456789", 10));
    return NULL;
}

int main(void)
{
    int ends[2];
    ticker_start();
    count_signals(SIGUSR1, 0);
    tcp_pair(ends);
    CHECK_EQ(send(ends[1], "0123456789", 10, 0), 10);
    pthread_t thread = start(peeks_then_reads, &ends[0]);
    /* One that comes before the thread waits interrupts nothing. */
    while (!atomic_load(&peeked)) {
        CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
        sleep_ms(5);
    }
    CHECK(!join(thread));
    ticker_end();
    printf("done\n");
    return 0;
}
