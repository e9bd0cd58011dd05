/* signalfd: blocked signals sent to the process become readable, for a waiting read and for poll. */
#include "check.h"
#include <poll.h>
#include <sys/signalfd.h>

static int fd;

static void *reads(void *arg)
{
    struct signalfd_siginfo info;
    (void)arg;
    CHECK_EQ(read(fd, &info, sizeof info), sizeof info);
    CHECK_EQ(info.ssi_signo, SIGUSR1);
    struct pollfd one = {fd, POLLIN, 0};
    CHECK_EQ(poll(&one, 1, -1), 1);
    CHECK_EQ(read(fd, &info, sizeof info), sizeof info);
    return (void *)(long)info.ssi_signo;
}

int main(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    fd = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(fd >= 0);
    ticker_start();
    pthread_t thread = start(reads, NULL);
    wait_ticks(4);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    wait_ticks(4);
    CHECK_EQ(kill(getpid(), SIGUSR2), 0);
    CHECK_EQ((long)join(thread), SIGUSR2);
    ticker_end();
    printf("done\n");
    return 0;
}
