/* The first thread is made after chroot into an empty folder: neither /proc nor any library can be opened there. The
 * count of kernel threads comes from a descriptor opened before.
 * needs: root
 * greens
 */
#include "activation_common.h"

int main(void)
{
    char folder[] = "/tmp/lichen-chroot-XXXXXX";
    int outside = open("/proc/self/task", O_RDONLY | O_DIRECTORY), tmp = open("/tmp", O_RDONLY | O_DIRECTORY);
    CHECK(outside >= 0 && tmp >= 0);
    CHECK(mkdtemp(folder));
    CHECK_EQ(chroot(folder), 0);
    CHECK_EQ(chdir("/"), 0);
    pthread_t threads[10];
    CHECK_EQ(pipe(activation_ends), 0);
    CHECK_EQ(pthread_barrier_init(&activation_together, NULL, 11), 0);
    for (int i = 0; i < 10; i++)
        threads[i] = start(activation_wait, NULL);
    pthread_barrier_wait(&activation_together);
    int count = 0;
    DIR *tasks = fdopendir(outside);
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    if (expect_greens())
        CHECK(count <= FEW_KERNEL_THREADS);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(write(activation_ends[1], "x", 1), 1);
    for (int i = 0; i < 10; i++)
        join(threads[i]);
    CHECK_EQ(unlinkat(tmp, folder + 5, AT_REMOVEDIR), 0);
    printf("done\n");
    return 0;
}
