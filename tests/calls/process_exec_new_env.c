/* execve with an environment the program makes itself: the new program runs with exactly that. */
#include "check.h"

static void *execs(void *arg)
{
    char *args[] = {"sh", "-c", "echo ${A-none} ${KEPT-none}", NULL}, *env[] = {"A=b", NULL};
    execve("/bin/sh", args, env);
    CHECK(!"exec");
    return arg;
}

int main(void)
{
    setenv("KEPT", "value", 1);
    start(execs, NULL);
    for (;;)
        pause();
}
