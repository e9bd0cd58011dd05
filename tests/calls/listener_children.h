/* Processes that accept on one listener, each with several threads. */
#ifndef LISTENER_CHILDREN_H
#define LISTENER_CHILDREN_H
#include "check.h"

/* Each of `count` children runs `serves(NULL)` in `threads` threads, its first one among them. */
static void begin_children(pid_t *children, int count, int threads, void *(*serves)(void *))
{
    for (int i = 0; i < count; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            for (int k = 1; k < threads; k++)
                start(serves, NULL);
            serves(NULL);
            _exit(1);
        }
    }
}

/* How often the kernel threads of a process went to sleep. */
static inline long sleeps_of(pid_t pid)
{
    char name[300], line[200];
    long sum = 0, count;
    snprintf(name, sizeof name, "/proc/%d/task", pid);
    DIR *tasks = opendir(name);
    CHECK(tasks);
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "/proc/%d/task/%s/status", pid, task->d_name);
        FILE *status = fopen(name, "r");
        if (!status)
            continue;
        while (fgets(line, sizeof line, status))
            if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
                sum += count;
        fclose(status);
    }
    closedir(tasks);
    return sum;
}

static inline long sleeps_of_all(const pid_t *children, int count)
{
    long sum = 0;
    sleep_ms(100);
    for (int i = 0; i < count; i++)
        sum += sleeps_of(children[i]);
    return sum;
}

#endif
