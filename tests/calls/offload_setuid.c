/* setuid while other threads' work is under way or queued: it returns, and what is opened or synced afterwards has the
 * new identity, whichever kernel thread makes the call; no kernel thread of this process keeps the old one.
 * needs: root
 * env: LICHEN_POOL=2
 */
#include "check.h"
#include <sys/stat.h>

#define THREADS 16
static char path[] = "/tmp/lichen-setuid-XXXXXX", secret[] = "/tmp/lichen-secret-XXXXXX";
static atomic_int at_work, changed, stop;

static void *works(void *arg)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    atomic_fetch_add(&at_work, 1);
    while (!atomic_load(&stop)) {
        int before = atomic_load(&changed);
        CHECK_EQ(write(fd, "x", 1), 1);
        CHECK_EQ(fsync(fd), 0);
        /* Creating and truncating wait for the disk. */
        int denied = open(secret, O_RDWR | O_TRUNC | O_CLOEXEC);
        if (before)
            CHECK(denied == -1 && errno == EACCES);
        else if (denied >= 0)
            close(denied);
    }
    CHECK_EQ(close(fd), 0);
    return arg;
}

/* Every kernel thread of this process has this user id, four times over. */
static void all_are(int uid)
{
    DIR *dir = opendir("/proc/self/task");
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[300], line[200];
        int ids[4], seen = 0;
        snprintf(name, sizeof name, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = entry->d_name[0] == '.' ? NULL : fopen(name, "r");
        while (status && fgets(line, sizeof line, status))
            if (sscanf(line, "Uid: %d %d %d %d", &ids[0], &ids[1], &ids[2], &ids[3]) == 4)
                seen = 1;
        for (int i = 0; seen && i < 4; i++)
            CHECK_EQ(ids[i], uid);
        if (status)
            fclose(status);
    }
    closedir(dir);
}

static int changes(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(works, NULL);
    wait_for(&at_work, THREADS);
    CHECK_EQ(setgid(65534), 0);
    CHECK_EQ(seteuid(65534), 0);
    CHECK_EQ(seteuid(0), 0);
    CHECK_EQ(setuid(65534), 0);
    all_are(65534);
    atomic_store(&changed, 1);
    CHECK_ERRNO(open(secret, O_RDONLY), EACCES);
    sleep_ms(20);
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    all_are(65534);
    CHECK_ERRNO(setuid(0), EPERM);
    return 7;
}

int main(void)
{
    int file = mkstemp(path), hidden = mkstemp(secret);
    CHECK(file >= 0 && hidden >= 0);
    CHECK_EQ(fchmod(file, 0666), 0);
    CHECK_EQ(fchmod(hidden, 0600), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(changes());
    CHECK_CHILD(child, 7);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(unlink(secret), 0);
    printf("done\n");
    return 0;
}
