/* Executes a program in the way and from the place that are asked for, and hands its output and status on.
 *
 * usage: execute WAY PLACE PROGRAM      PLACE: `main` (there is no thread yet), `main-later` (there was one), `thread`
 * For the ways that search PATH it is to hold the program's folder. Status 1 and one line if nothing was executed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *way, *program;

static int spawned(int searches)
{
    pid_t child;
    int status;
    char *args[] = {"program", "one", NULL};
    int error = searches ? posix_spawnp(&child, strrchr(program, '/') + 1, NULL, NULL, args, environ)
                         : posix_spawn(&child, program, NULL, NULL, args, environ);
    if (error || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 1;
    _exit(WEXITSTATUS(status));
}

static void *execute(void *unused)
{
    char *args[] = {"program", "one", NULL}, *file = strrchr(program, '/') + 1;
    if (!strcmp(way, "execve"))
        execve(program, args, environ);
    else if (!strcmp(way, "execv"))
        execv(program, args);
    else if (!strcmp(way, "execvp"))
        execvp(file, args);
    else if (!strcmp(way, "execvpe"))
        execvpe(file, args, environ);
    else if (!strcmp(way, "execl"))
        execl(program, "program", "one", (char *)NULL);
    else if (!strcmp(way, "execlp"))
        execlp(file, "program", "one", (char *)NULL);
    else if (!strcmp(way, "execle"))
        execle(program, "program", "one", (char *)NULL, environ);
    else if (!strcmp(way, "fexecve"))
        fexecve(open(program, O_RDONLY | O_CLOEXEC), args, environ);
    else if (!strcmp(way, "execveat"))
        execveat(AT_FDCWD, program, args, environ, 0);
    else if (!strcmp(way, "posix_spawn"))
        spawned(0);
    else if (!strcmp(way, "posix_spawnp"))
        spawned(1);
    perror(way);
    _exit(1);
    return unused;
}

static void *nothing(void *unused)
{
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    if (argc != 4)
        return 2;
    way = argv[1];
    program = argv[3];
    if (!strcmp(argv[2], "main"))
        execute(NULL);
    pthread_create(&thread, NULL, strcmp(argv[2], "thread") ? nothing : execute, NULL);
    pthread_join(thread, NULL);
    execute(NULL);
}
