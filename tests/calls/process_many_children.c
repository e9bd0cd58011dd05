/* A process with threads has 1,000 children alive at once, each of which has run a thread of its own, and 10,000 one
 * after the other; every child is waited for once and no SIGCHLD is wanted twice.
 * timeout: 120
 * caps: no
 */
#include "check.h"

#define ALIVE 1000
#define IN_SEQUENCE 10000

static void *nothing(void *arg)
{
    return arg;
}

static void at_once(void)
{
    static pid_t children[ALIVE];
    int ready[2], go[2];
    char byte;
    CHECK_EQ(pipe(ready), 0);
    CHECK_EQ(pipe(go), 0);
    for (int i = 0; i < ALIVE; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            close(go[1]);
            CHECK_EQ((long)join(start(nothing, (void *)5)), 5);
            CHECK_EQ(write(ready[1], "r", 1), 1);
            _exit(read(go[0], &byte, 1) == 0 ? i % 100 : 101);
        }
    }
    for (int i = 0; i < ALIVE; i++)
        CHECK_EQ(read(ready[0], &byte, 1), 1);
    close(go[1]);
    for (int i = 0; i < ALIVE; i++)
        CHECK_CHILD(children[i], i % 100);
    CHECK_ERRNO(wait(NULL), ECHILD);
}

static void *in_sequence(void *count)
{
    for (long i = 0; i < (long)count; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            _exit((int)(i % 100));
        CHECK_CHILD(child, (int)(i % 100));
    }
    return NULL;
}

int main(void)
{
    ticker_start();
    at_once();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(in_sequence, (void *)(IN_SEQUENCE / 4));
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    CHECK_ERRNO(wait(NULL), ECHILD);
    ticker_end();
    puts("1000 at once, 10000 in sequence");
    return 0;
}
