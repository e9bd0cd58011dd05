/* A signal that reaches the child of a vfork runs its handler there, as natively, and is not the parent's; one that is
 * sent to the parent meanwhile is handled by the parent afterwards.
 */
#include "check.h"

static volatile pid_t in_child, in_parent;
static volatile int count;

static void handler(int number)
{
    (void)number;
    pid_t me = (pid_t)syscall(SYS_getpid);
    if (me == in_parent)
        count++;
    else
        in_child = me;
}

static void *forks(void *arg)
{
    struct sigaction action = {.sa_handler = handler};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    in_parent = getpid();
    for (int i = 0; i < 3; i++) {
        in_child = 0;
        count = 0;
        pid_t child = vfork();
        if (child == 0) {
            pid_t me = (pid_t)syscall(SYS_getpid);
            syscall(SYS_kill, me, SIGUSR1);
            syscall(SYS_kill, in_parent, SIGUSR2);
            _exit(in_child == me ? 4 : 5);
        }
        CHECK(child > 0);
        CHECK_CHILD(child, 4);
        CHECK_EQ(in_child, child);
        while (count == 0)
            sleep_ms(1); /* another thread of the parent may be the one that takes it */
        CHECK_EQ(count, 1);
    }
    return arg;
}

int main(void)
{
    forks(NULL);
    in_both_threads(forks);
    puts("each its own");
    return 0;
}
