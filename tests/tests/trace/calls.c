/* Makes one call of each kind that a trace tells apart, in an order that is the same in every run. With an argument it
 * also closes every descriptor it can, and opens what takes the lowest number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];

static void *reads(void *arg)
{
    char place[16];
    if (read(ends[0], place, sizeof place) != 6)
        exit(1);
    return arg;
}

int main(int count, char **words)
{
    pthread_t thread;
    if (pipe(ends) || pthread_create(&thread, NULL, reads, NULL))
        return 1;
    usleep(2000);
    if (write(ends[1], "he\"lo\n", 6) != 6)
        return 1;
    pthread_join(thread, NULL);
    flock(77, LOCK_EX);
    rename("/nonexistent/one", "/nonexistent/two");
    syscall(SYS_getppid);
    syscall(600, 1, 2, 3, 4, 5, 6);
    tgkill(getpid(), gettid(), 0);
    (void)words;
    if (count > 1) {
        closefrom(3);
        for (int fd = 3; fd < 100000; fd++)
            close(fd);
        int file = open(words[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
        for (int i = 0; i < 2000 && file >= 0; i++) /* would a copy of it meet the trace's descriptor? */
            dup2(file, 4 + i);
    }
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    int status;
    waitpid(child, &status, 0);
    _exit(WEXITSTATUS(status));
}
