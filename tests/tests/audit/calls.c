/* Makes calls that an audit must find: from code made at run time, which nobody can have rewritten, and through libc where
 * Lichen lets them go on natively. Prints what is the same in every run.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef long (*caller)(long number, long one, long two);

/* mov %rdi,%rax; mov %rsi,%rdi; mov %rdx,%rsi; xor %edx,%edx; xor %r10d,%r10d; xor %r8d,%r8d; syscall; ret */
static const unsigned char code[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x31,
                                     0xd2, 0x45, 0x31, 0xd2, 0x45, 0x31, 0xc0, 0x0f, 0x05, 0xc3};

static void *nothing(void *arg)
{
    return arg;
}

static int heard;

static void hear(int signal)
{
    heard = signal;
}

int main(void)
{
    pthread_t thread;
    sigset_t all;
    struct timespec time = {0, 3000000};
    /* An audit's own signal must come although the program blocks everything, and be the program's too. */
    signal(SIGSYS, hear);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
        return 1;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC))
        return 1;
    caller call;
    memcpy(&call, &page, sizeof call);
    for (int i = 0; i < 3; i++)
        printf("nanosleep %ld\n", call(SYS_nanosleep, (long)&time, 0));
    printf("getpid %d\n", call(SYS_getpid, 0, 0) == getpid());
    printf("close %ld\n", call(SYS_close, 77, 0));
    printf("sleep %d\n", clock_nanosleep(CLOCK_BOOTTIME, 0, &time, NULL));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(call(SYS_nanosleep, (long)&time, 0) == 0 ? 5 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
    raise(SIGSYS);
    printf("heard %d\n", heard == SIGSYS);
    return 0;
}
