/* A thread becomes a daemon by the usual way (fork, setsid, fork, its descriptors closed) and serves with threads; its
 * leaders and PR_SET_PDEATHSIG are as on Linux: the signal comes when the parent process has ended.
 */
#include "check.h"
#include <sys/prctl.h>

static void *answers(void *arg)
{
    int *pair = arg;
    char word[4];
    CHECK_EQ(read(pair[0], word, 4), 4);
    CHECK(memcmp(word, "ping", 4) == 0);
    CHECK_EQ(write(pair[0], "pong", 4), 4);
    return NULL;
}

static void daemon_of(int pair[2])
{
    CHECK_EQ(setsid(), getpid());
    CHECK_ERRNO(setsid(), EPERM);
    CHECK_EQ(getpgrp(), getpid());
    pid_t leader = getsid(0);
    pid_t second = fork();
    CHECK(second >= 0);
    if (second > 0)
        _exit(0);
    CHECK_EQ(getsid(0), leader);
    CHECK(getpid() != leader);
    CHECK_EQ(chdir("/"), 0);
    int kept = dup2(pair[0], 3);
    CHECK_EQ(kept, 3);
    close_range(4, ~0u, 0);
    for (int fd = 0; fd < 3; fd++)
        CHECK_EQ(dup2(open("/dev/null", O_RDWR), fd), fd);
    int served[1] = {3};
    pthread_t threads[2] = {start(answers, served), start(answers, served)};
    join(threads[0]);
    join(threads[1]);
    _exit(0);
}

static void *becomes_a_daemon(void *arg)
{
    int pair[2];
    char word[4];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t first = fork();
    CHECK(first >= 0);
    if (first == 0)
        daemon_of(pair);
    CHECK_CHILD(first, 0);
    close(pair[0]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(write(pair[1], "ping", 4), 4);
        CHECK_EQ(read(pair[1], word, 4), 4);
    }
    CHECK_EQ(read(pair[1], word, 1), 0);
    close(pair[1]);
    return arg;
}

static atomic_int told;

static void *waits_for_death(void *arg)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(sigwait(&set, &number), 0);
    atomic_store(&told, 1);
    return arg;
}

static void parent_dies(void)
{
    int ends[2], word = 0;
    CHECK_EQ(pipe(ends), 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t child = fork();
        if (child == 0) {
            CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
            CHECK_EQ(prctl(PR_GET_PDEATHSIG, &word), 0);
            CHECK_EQ(word, SIGUSR1);
            pthread_t thread = start(waits_for_death, NULL);
            CHECK_EQ(write(ends[1], "r", 1), 1);
            join(thread);
            CHECK_EQ(write(ends[1], atomic_load(&told) ? "d" : "?", 1), 1);
            _exit(0);
        }
        char byte;
        CHECK_EQ(read(ends[0], &byte, 1), 1);
        _exit(0);
    }
    CHECK_CHILD(parent, 0);
    char byte = 0;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(byte, 'd');
}

int main(void)
{
    ticker_start();
    in_both_threads(becomes_a_daemon);
    parent_dies();
    ticker_end();
    puts("served");
    return 0;
}
