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

#define WAKEUP_PROCESSES 8
#define WAKEUP_THREADS 2
#define WAKEUP_CONNECTIONS 40

/* A connection that is greeted with a byte and closed. */
static inline void one_connection(const struct sockaddr_in *address)
{
    char byte;
    int fd = connected_tcp(address);
    CHECK_EQ(read(fd, &byte, 1), 1);
    CHECK_EQ(read(fd, &byte, 1), 0);
    CHECK_EQ(close(fd), 0);
}

/* Each connection to these children's listener at `address` makes kernel threads of theirs go to sleep `most` times at most;
 * SHOW_SLEEPS shows how often they did. */
static inline void sleep_at_most(long most, const struct sockaddr_in *address, void *(*serves)(void *))
{
    pid_t children[WAKEUP_PROCESSES];
    begin_children(children, WAKEUP_PROCESSES, WAKEUP_THREADS, serves);
    for (int i = 0; i < WAKEUP_PROCESSES * WAKEUP_THREADS; i++)
        one_connection(address);
    long before = sleeps_of_all(children, WAKEUP_PROCESSES);
    for (int i = 0; i < WAKEUP_CONNECTIONS; i++)
        one_connection(address);
    long sleeps = sleeps_of_all(children, WAKEUP_PROCESSES) - before;
    if (getenv("SHOW_SLEEPS"))
        dprintf(2, "%ld sleeps for %d connections\n", sleeps, WAKEUP_CONNECTIONS);
    for (int i = 0; i < WAKEUP_PROCESSES; i++)
        CHECK_EQ(kill(children[i], SIGKILL), 0);
    for (int i = 0; i < WAKEUP_PROCESSES; i++)
        CHECK_EQ(wait_status(children[i]), SIGKILL);
    CHECK(sleeps <= WAKEUP_CONNECTIONS * most);
}

#endif
