/* A file of /sys is nobody's disk: a program whose threads allocate, so that libc asks there for the number of processors,
 * needs no kernel thread for that.
 * greens
 */
#include "check.h"
#include <fcntl.h>

static atomic_int opened, over;

static void *opens(void *arg)
{
    char text[64];
    int fd = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        CHECK(read(fd, text, sizeof text) > 0);
        CHECK_EQ(close(fd), 0);
    }
    free(malloc(100));
    atomic_fetch_add(&opened, 1);
    wait_for(&over, 1);
    return arg;
}

int main(void)
{
    pthread_t threads[20];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = start(opens, NULL);
    wait_for(&opened, COUNT_OF(threads));
    if (expect_greens())
        CHECK_EQ(kernel_threads(), 1);
    atomic_store(&over, 1);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        join(threads[i]);
    printf("done\n");
    return 0;
}
