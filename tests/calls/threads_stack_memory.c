/* Stacks go back: under a limit on address space threads start until memory is really out, and when they have ended their
 * memory serves new ones of other sizes, of which there are more, one after the other, than the limit has room for. */
#include "limited_memory.h"

static void of_all_sizes(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    for (int i = 0; i < 600; i++) {
        pthread_t thread;
        size_t kib = i % 2 ? 16 + (size_t)i * 13 % 400 : 1024 * (1 + (size_t)i * 13 % 26);
        CHECK_EQ(pthread_attr_setstacksize(&attr, kib << 10), 0);
        CHECK_EQ(pthread_create(&thread, &attr, uses_stack, NULL), 0);
        join(thread);
    }
}

int main(void)
{
    fill_limited_child(of_all_sizes);
    of_all_sizes();
    printf("done\n");
    return 0;
}
