/* One thread waits in read while another closes the descriptor. With another descriptor of the same pipe alive, the
 * reader still gets the byte, as on Linux; the freed number may be used for something else at once. */
#include "check.h"

static int ends[2];
static atomic_int reading;

static void *reads(void *arg)
{
    char byte = 0;
    (void)arg;
    atomic_store(&reading, 1);
    long got = read(ends[0], &byte, 1);
    return (void *)(got == 1 ? (long)byte : -got);
}

static void with_dup(int sockets)
{
    CHECK_EQ(sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
    atomic_store(&reading, 0);
    int copy = dup(ends[0]);
    pthread_t thread = start(reads, NULL);
    wait_for(&reading, 1);
    sleep_ms(10);
    CHECK_EQ(close(ends[0]), 0);
    int other[2];
    CHECK_EQ(pipe(other), 0);
    CHECK_EQ(write(other[1], "wrong", 5), 5);
    sleep_ms(10);
    CHECK_EQ(write(ends[1], "r", 1), 1);
    CHECK_EQ((long)join(thread), 'r');
    close(copy), close(ends[1]), close(other[0]), close(other[1]);
}

static void without_dup(void)
{
    CHECK_EQ(pipe(ends), 0);
    atomic_store(&reading, 0);
    pthread_t thread = start(reads, NULL);
    wait_for(&reading, 1);
    sleep_ms(10);
    CHECK_EQ(close(ends[0]), 0);
    sleep_ms(5);
    /* The waiting read keeps the pipe's read end alive, so this is no EPIPE. */
    CHECK_EQ(write(ends[1], "q", 1), 1);
    CHECK_EQ((long)join(thread), 'q');
    CHECK_EQ(close(ends[1]), 0);
}

static void replaced_by_dup2(void)
{
    int other[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(other), 0);
    atomic_store(&reading, 0);
    pthread_t thread = start(reads, NULL);
    wait_for(&reading, 1);
    sleep_ms(10);
    CHECK_EQ(dup2(other[0], ends[0]), ends[0]);
    CHECK_EQ(write(other[1], "w", 1), 1);
    sleep_ms(5);
    CHECK_EQ(write(ends[1], "z", 1), 1);
    CHECK_EQ((long)join(thread), 'z');
    char byte;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(byte, 'w');
    close(ends[0]), close(ends[1]), close(other[0]), close(other[1]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 5; i++) {
        with_dup(0);
        with_dup(1);
        without_dup();
        replaced_by_dup2();
    }
    printf("done\n");
    return 0;
}
