/* While a thread waits for any child, or for one, by wait4, waitpid and waitid, the others go on; it gets the child
 * when the child ends, which the others bring about.
 */
#include "check.h"

enum how { WAIT4_ANY, WAIT4_ONE, WAITPID_GROUP, WAITID_ALL, WAITID_ONE, WAITID_GROUP, WAYS };

struct round {
    enum how how;
    pid_t child;
    atomic_int begun, over;
};

/* A child that ends with status 7 when the last writer of the pipe is gone. */
static pid_t child_of(int ends[2])
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 7 : 8);
    }
    return child;
}

static void by_id(idtype_t type, pid_t id, pid_t child)
{
    siginfo_t info = {0};
    CHECK_EQ(waitid(type, (id_t)id, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, child);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_status, 7);
}

static void by_pid(pid_t pid, pid_t child, struct rusage *usage)
{
    int status = 0;
    CHECK_EQ(wait4(pid, &status, 0, usage), child);
    CHECK_EQ(status, 7 << 8);
}

static void *waits(void *arg)
{
    struct round *round = arg;
    struct rusage usage;
    atomic_store(&round->begun, 1);
    switch (round->how) {
    case WAIT4_ANY:
        by_pid(-1, round->child, &usage);
        break;
    case WAIT4_ONE:
        by_pid(round->child, round->child, &usage);
        break;
    case WAITPID_GROUP:
        by_pid(0, round->child, NULL);
        break;
    case WAITID_ALL:
        by_id(P_ALL, 0, round->child);
        break;
    case WAITID_ONE:
        by_id(P_PID, round->child, round->child);
        break;
    default:
        by_id(P_PGID, getpgrp(), round->child);
        break;
    }
    atomic_store(&round->over, 1);
    return NULL;
}

int main(void)
{
    ticker_start();
    for (int how = 0; how < WAYS; how++) {
        int ends[2];
        struct round round = {.how = (enum how)how};
        CHECK_EQ(pipe(ends), 0);
        round.child = child_of(ends);
        CHECK_EQ(close(ends[0]), 0);
        pthread_t thread = start(waits, &round);
        wait_for(&round.begun, 1);
        wait_ticks(5);
        CHECK_EQ(atomic_load(&round.over), 0);
        CHECK_EQ(close(ends[1]), 0);
        join(thread);
    }
    CHECK_ERRNO(wait(NULL), ECHILD);
    CHECK_ERRNO(waitid(P_ALL, 0, NULL, WEXITED), ECHILD);
    CHECK_ERRNO(waitid(P_ALL, 0, NULL, 0), EINVAL);
    ticker_end();
    printf("done\n");
    return 0;
}
