/* A process that forks before it has any thread: parent and child each start their first thread afterwards. */
#include "check.h"

static void *answers(void *arg)
{
    sleep_ms(2);
    return arg;
}

int main(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    for (long i = 0; i < 10; i++)
        CHECK_EQ((long)join(start(answers, (void *)i)), i);
    if (child == 0)
        _exit(7);
    CHECK_CHILD(child, 7);
    printf("done\n");
    return 0;
}
