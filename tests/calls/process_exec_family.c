/* Every member of the exec family passes arguments and environment on, from a thread too, and fails as ever. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/wait.h>

extern char **environ;

static void one(int kind)
{
    char *list[] = {"echo", "x", "y", "z", "1", "2", "3", NULL};
    char *few[] = {"ONLY=this", NULL};
    switch (kind) {
    case 0: execl("/bin/echo", "echo", "a", "b", "c", "d", "e", "f", "g", (char *)NULL); break;
    case 1: execlp("echo", "echo", "by", "path", (char *)NULL); break;
    case 2: execle("/usr/bin/env", "env", (char *)NULL, few); break;
    case 3: execv("/bin/echo", list); break;
    case 4: execvp("echo", list); break;
    case 5: execvpe("env", (char *[]){"env", NULL}, few); break;
    case 6: fexecve(open("/bin/echo", O_RDONLY), list, environ); break;
    case 7: execveat(open("/bin", O_PATH), "echo", list, environ, 0); break;
    case 8: execveat(open("/bin/echo", O_PATH), "", list, environ, AT_EMPTY_PATH); break;
    case 9: CHECK_ERRNO(execl("/no/such/file", "file", (char *)NULL), ENOENT); _exit(9);
    }
    _exit(1);
}

static void *all(void *arg)
{
    for (int kind = 0; kind < 10; kind++) {
        fflush(stdout);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            one(kind);
        CHECK_CHILD(child, kind == 9 ? 9 : 0);
    }
    return arg;
}

int main(void)
{
    all(NULL);
    in_both_threads(all);
    return 0;
}
