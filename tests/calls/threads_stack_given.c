/* Threads run on stacks the program provides, and leave them reusable at once after the join. */
#include "check.h"
#include <sys/mman.h>

#define SIZE 65536

static void *use(void *arg)
{
    char local[8192];
    memset(local, (int)(long)arg, sizeof local);
    sleep_ms(1);
    CHECK_EQ(local[8000], (char)(long)arg);
    return &((char *)__builtin_frame_address(0))[0];
}

int main(void)
{
    char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(stack != MAP_FAILED);
    for (long i = 0; i < 100; i++) {
        pthread_attr_t attr;
        pthread_t thread;
        pthread_attr_init(&attr);
        CHECK_EQ(pthread_attr_setstack(&attr, stack, SIZE), 0);
        CHECK_EQ(pthread_create(&thread, &attr, use, (void *)i), 0);
        char *frame = join(thread);
        CHECK(frame > stack && frame < stack + SIZE);
        memset(stack, 0xAA, SIZE);
    }
    CHECK_EQ(munmap(stack, SIZE), 0);
    printf("done\n");
    return 0;
}
