/* Processes that accept on one listener, each with several threads. */
#ifndef LISTENER_CHILDREN_H
#define LISTENER_CHILDREN_H
#include "check.h"

/* Each of `count` children runs `serves(NULL)` in `threads` threads, its first one among them. */
static void begin_children(pid_t *children, int count, int threads, void *(*serves)(void *))
{
    for (int i = 0; i < count; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            for (int k = 1; k < threads; k++)
                start(serves, NULL);
            serves(NULL);
            _exit(1);
        }
    }
}

#endif
