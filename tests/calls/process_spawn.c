/* posix_spawn with file actions, attributes and closefrom, system and popen, from a thread while others run: results,
 * output and errors are right, and no handler of the parent runs in the child's first moments. */
#include "handled.h"
#include <spawn.h>

extern char **environ;
static void spawn(void)
{
    int ends[2];
    pid_t child;
    posix_spawn_file_actions_t actions;
    char text[64] = "", *args[] = {"sh", "-c", "echo spawned; ls /proc/self/fd | wc -l >&2; exit 4", NULL};
    CHECK_EQ(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    CHECK_EQ(posix_spawn(&child, "/bin/sh", &actions, NULL, args, environ), 0);
    close(ends[1]);
    CHECK_EQ(read(ends[0], text, sizeof text), 8);
    CHECK(strcmp(text, "spawned\n") == 0);
    CHECK_EQ(read(ends[0], text, sizeof text), 0);
    close(ends[0]);
    CHECK_CHILD(child, 4);
    posix_spawn_file_actions_destroy(&actions);
    CHECK_EQ(posix_spawn(&child, "/no/such/program", NULL, NULL, args, environ), ENOENT);
    CHECK_EQ(posix_spawnp(&child, "true", NULL, NULL, (char *[]){"true", NULL}, environ), 0);
    CHECK_CHILD(child, 0);
}

static void with_attributes(void)
{
    pid_t child;
    sigset_t mask, defaults;
    posix_spawnattr_t attr;
    posix_spawnattr_init(&attr);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGUSR1);
    CHECK_EQ(posix_spawnattr_setsigmask(&attr, &mask), 0);
    CHECK_EQ(posix_spawnattr_setsigdefault(&attr, &defaults), 0);
    CHECK_EQ(posix_spawnattr_setpgroup(&attr, 0), 0);
    CHECK_EQ(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP),
             0);
    char *args[] = {"sh", "-c", "test $(awk '/SigBlk/{print $2}' /proc/self/status) = 0000000000000800", NULL};
    CHECK_EQ(posix_spawn(&child, "/bin/sh", NULL, &attr, args, environ), 0);
    CHECK_CHILD(child, 0);
    posix_spawnattr_destroy(&attr);
}

static void *all(void *arg)
{
    char line[64] = "";
    for (int i = 0; i < 5; i++)
        spawn();
    with_attributes();
    CHECK_EQ(system("exit 6"), 6 << 8);
    CHECK_EQ(system("kill -9 $$"), 9);
    CHECK_EQ(system(NULL) != 0, 1);
    FILE *out = popen("sleep 0.02; echo from popen", "r");
    CHECK(out && fgets(line, sizeof line, out));
    CHECK(strcmp(line, "from popen\n") == 0);
    CHECK_EQ(pclose(out), 0);
    out = popen("cat >/dev/null; exit 3", "w");
    CHECK(out && fputs("hello", out) >= 0);
    CHECK_EQ(pclose(out), 3 << 8);
    return arg;
}

int main(void)
{
    count_signals(SIGUSR1, SA_RESTART);
    ticker_start();
    in_many_threads(3, all);
    all(NULL);
    ticker_end();
    printf("handled %d\n", atomic_load(&handled));
    return 0;
}
