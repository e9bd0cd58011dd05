/* exit() called by a thread ends the process with its status while other threads wait.
 * status: 42
 */
#include "check.h"

static void *waits(void *arg)
{
    (void)arg;
    pause();
    return NULL;
}

static void *leaves(void *arg)
{
    (void)arg;
    sleep_ms(10);
    printf("leaving\n");
    exit(42);
}

int main(void)
{
    for (int i = 0; i < 5; i++)
        start(waits, NULL);
    start(leaves, NULL);
    pause();
    return 1;
}
