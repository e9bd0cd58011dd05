/* recvmmsg without MSG_WAITFORONE waits for all its messages; its results and a non-blocking attempt are as on Linux. */
#include "check.h"
#include <sys/uio.h>

static int ends[2];
static atomic_int waiting;

static void *receives(void *arg)
{
    char buffer[3][16];
    struct iovec parts[3];
    struct mmsghdr many[3] = {0};
    for (int i = 0; i < 3; i++) {
        parts[i] = (struct iovec){buffer[i], 16};
        many[i].msg_hdr.msg_iov = &parts[i];
        many[i].msg_hdr.msg_iovlen = 1;
    }
    (void)arg;
    CHECK_ERRNO(recvmmsg(ends[0], many, 3, MSG_DONTWAIT, NULL), EAGAIN);
    atomic_store(&waiting, 1);
    long got = recvmmsg(ends[0], many, 3, 0, NULL);
    CHECK_EQ(many[2].msg_len, 3);
    return (void *)got;
}

int main(void)
{
    ticker_start();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    pthread_t thread = start(receives, NULL);
    wait_for(&waiting, 1);
    for (int i = 1; i <= 3; i++) {
        wait_ticks(3);
        CHECK_EQ(send(ends[1], "abc", (size_t)i, 0), i);
    }
    printf("got %ld\n", (long)join(thread));
    ticker_end();
    return 0;
}
