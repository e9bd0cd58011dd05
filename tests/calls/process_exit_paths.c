/* Every way a process with threads can end: return from main, exit in main and in a thread, _exit, exit_group, abort,
 * pthread_exit from main and then the last thread, a fatal signal, SIGKILL. The parent sees the same status, exit
 * handlers run once and only where they should, and what was printed is complete once.
 */
#include "check.h"

enum path { RETURN, EXIT, EXIT_IN_THREAD, UNDERSCORE, UNDERSCORE_IN_THREAD, GROUP, ABORT, ABORT_IN_THREAD, LAST_THREAD,
            QUICK, TERM, KILL, PATHS };
static const char *const names[] = {"return", "exit", "exit in a thread", "_exit", "_exit in a thread", "exit_group",
                                    "abort", "abort in a thread", "last thread", "quick_exit", "SIGTERM", "SIGKILL"};

static void at_exit(void)
{
    printf("[at exit]");
}

static void at_quick_exit_too(void)
{
    dprintf(1, "[at quick exit]");
}

static void *waits(void *arg)
{
    for (;;)
        sleep_ms(1000);
    return arg;
}

static void *thread_of(void *arg)
{
    switch ((enum path)(long)arg) {
    case EXIT_IN_THREAD:
        exit(12);
    case UNDERSCORE_IN_THREAD:
        _exit(14);
    case ABORT_IN_THREAD:
        abort();
    case LAST_THREAD:
        sleep_ms(5);
        printf("[last]");
        return NULL;
    default:
        return waits(arg);
    }
}

static int child(enum path path)
{
    struct rlimit none = {0, 0};
    CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
    atexit(at_exit);
    at_quick_exit(at_quick_exit_too);
    for (int i = 0; i < 3000; i++)
        printf("x");
    if (path != LAST_THREAD)
        start(waits, NULL);
    start(thread_of, (void *)(long)path);
    switch (path) {
    case RETURN:
        return 10;
    case EXIT:
        exit(11);
    case UNDERSCORE:
        _exit(13);
    case GROUP:
        syscall(SYS_exit_group, 15);
        break;
    case ABORT:
        abort();
    case LAST_THREAD:
        pthread_exit((void *)3);
    case QUICK:
        quick_exit(16);
    case TERM:
        raise(SIGTERM);
        break;
    case KILL:
        kill(getpid(), SIGKILL);
        break;
    default:
        waits(NULL);
    }
    waits(NULL);
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child((enum path)atoi(argv[1]));
    join(start(thread_of, (void *)LAST_THREAD));
    for (int path = 0; path < PATHS; path++) {
        int ends[2];
        static char text[8192];
        size_t size = 0;
        ssize_t got;
        char digits[12];
        snprintf(digits, sizeof digits, "%d", path);
        CHECK_EQ(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            dup2(ends[1], 1);
            close(ends[0]);
            close(ends[1]);
            execl("/proc/self/exe", "child", digits, (char *)NULL);
        }
        close(ends[1]);
        while ((got = read(ends[0], text + size, sizeof text - size)) > 0)
            size += (size_t)got;
        close(ends[0]);
        int status = wait_status(pid);
        size_t marks = 0;
        while (marks < size && text[marks] == 'x')
            marks++;
        printf("%s: status %#x, %zu marks, then \"%.*s\"\n", names[path], (unsigned)status, marks, (int)(size - marks),
               text + marks);
    }
    return 0;
}
