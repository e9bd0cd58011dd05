/* A thousand threads wait in read on a thousand sockets and answer, in several rounds.
 * greens
 */
#include "check.h"

#define THREADS 1000
static int pairs[THREADS][2];
static atomic_int answered;

static void *echoes(void *arg)
{
    int fd = pairs[(long)arg][0];
    char byte;
    while (read(fd, &byte, 1) == 1) {
        CHECK_EQ(write(fd, &byte, 1), 1);
        atomic_fetch_add(&answered, 1);
    }
    return arg;
}

int main(void)
{
    static pthread_t threads[THREADS];
    raise_descriptor_limit();
    for (long i = 0; i < THREADS; i++) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        threads[i] = start(echoes, (void *)i);
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < THREADS; i++) {
            char byte = (char)(i + round);
            CHECK_EQ(write(pairs[i][1], &byte, 1), 1);
        }
        for (int i = 0; i < THREADS; i++) {
            char byte;
            CHECK_EQ(read(pairs[i][1], &byte, 1), 1);
            CHECK_EQ(byte, (char)(i + round));
        }
    }
    CHECK_GREENS();
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(close(pairs[i][1]), 0);
    for (long i = 0; i < THREADS; i++)
        CHECK_EQ((long)join(threads[i]), i);
    printf("answered %d\n", atomic_load(&answered));
    return 0;
}
