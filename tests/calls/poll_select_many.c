/* select() over thousands of descriptors, above 1,024 too, by several threads at once; and with the limit of open files for a
 * count but a set of the usual size, which Linux reads no further than there were ever descriptors.
 */
#include "check.h"
#include <sys/mman.h>
#include <sys/select.h>

#define PAIRS 1500
#define THREADS 4
#define WORDS 128
static int ends[PAIRS][2];
static atomic_int waiting;

static void *selects(void *arg)
{
    unsigned long wanted[WORDS] = {0}, none[WORDS] = {0};
    int highest = ends[PAIRS - 1][1];
    (void)arg;
    for (int i = 0; i < PAIRS; i++)
        wanted[ends[i][0] / 64] |= 1ul << ends[i][0] % 64;
    memcpy(none, wanted, sizeof none);
    atomic_fetch_add(&waiting, 1);
    struct timeval time = {10, 0};
    CHECK_EQ(select(highest + 1, (fd_set *)wanted, NULL, (fd_set *)none, &time), 1);
    CHECK(time.tv_sec < 10);
    int found = -1;
    for (int fd = 0; fd <= highest; fd++) {
        CHECK(!(none[fd / 64] & 1ul << fd % 64));
        if (wanted[fd / 64] & 1ul << fd % 64) {
            CHECK_EQ(found, -1);
            found = fd;
        }
    }
    return (void *)(long)found;
}

static void *sleeps(void *arg)
{
    fd_set *set = arg;
    struct timeval time = {0, 20000};
    atomic_fetch_add(&waiting, 1);
    return (void *)(long)select(4000, set, NULL, NULL, &time);
}

int main(void)
{
    pthread_t threads[THREADS];
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 4096;
    if (limit.rlim_max < limit.rlim_cur || setrlimit(RLIMIT_NOFILE, &limit))
        CHECK(!"4,096 descriptors are needed");
    ticker_start();

    /* a set at the very end of what can be read */
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_EQ(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    int pipe_ends[2];
    CHECK_EQ(pipe(pipe_ends), 0);
    fd_set *set = (fd_set *)(pages + 4096 - sizeof *set);
    FD_SET(pipe_ends[0], set);
    CHECK_EQ((long)join(start(sleeps, set)), 0);
    FD_SET(pipe_ends[0], set);
    atomic_store(&waiting, 0);
    struct timeval long_time = {10, 0};
    CHECK_EQ(write(pipe_ends[1], "x", 1), 1);
    CHECK_EQ(select(4000, set, NULL, NULL, &long_time), 1);
    CHECK(FD_ISSET(pipe_ends[0], set));

    /* what lies behind the set is left alone while the call waits */
    unsigned long words[64] = {0};
    char byte;
    CHECK_EQ(read(pipe_ends[0], &byte, 1), 1);
    words[0] = 1ul << pipe_ends[0];
    memset(words + 16, 0x55, sizeof words - 128);
    pthread_t thread = start(sleeps, words);
    wait_for(&waiting, 1);
    memset(words + 16, 0xaa, sizeof words - 128);
    CHECK_EQ((long)join(thread), 0);
    for (int i = 16; i < 64; i++)
        CHECK_EQ(words[i], 0xaaaaaaaaaaaaaaaaul);

    for (int i = 0; i < PAIRS; i++)
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
    for (int round = 0; round < 3; round++) {
        int which = round * 749;
        atomic_store(&waiting, 0);
        for (int i = 0; i < THREADS; i++)
            threads[i] = start(selects, NULL);
        wait_for(&waiting, THREADS);
        wait_ticks(5);
        CHECK_EQ(write(ends[which][1], "x", 1), 1);
        for (int i = 0; i < THREADS; i++)
            CHECK_EQ((long)join(threads[i]), ends[which][0]);
        CHECK_EQ(read(ends[which][0], &byte, 1), 1);
    }

    /* errors */
    unsigned long bad[WORDS] = {0};
    struct timeval now = {0, 0};
    bad[2000 / 64] |= 1ul << 2000 % 64;
    CHECK_EQ(close(2000), 0);
    CHECK_ERRNO(select(2001, (fd_set *)bad, NULL, NULL, &now), EBADF);
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &now), EINVAL);
    CHECK_ERRNO(select(2001, (fd_set *)8, NULL, NULL, &now), EFAULT);
    ticker_end();
    printf("done\n");
    return 0;
}
