/* Stacks come clean and go back: memory of ended threads is given to new ones of other sizes, and under a limit on
 * address space threads still start until memory is really out, and again afterwards. */
#include "check.h"

static void *nothing(void *arg)
{
    char local[4096];
    memset(local, 1, sizeof local);
    return arg;
}

int main(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        fill_limited_memory();
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    for (int i = 0; i < 300; i++) {
        pthread_t thread;
        CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)(16 + i * 13 % 400) << 10), 0);
        CHECK_EQ(pthread_create(&thread, &attr, nothing, NULL), 0);
        join(thread);
    }
    printf("done\n");
    return 0;
}
