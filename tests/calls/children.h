/* Children that only live. */
#ifndef CHILDREN_H
#define CHILDREN_H
#include "check.h"

/* A child that waits until a signal ends it. */
static pid_t sleeping_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (;;)
            pause();
    }
    return child;
}

#endif
