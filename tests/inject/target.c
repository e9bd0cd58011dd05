/* The program under the injection harness: one scenario, round after round, each between two traps. The harness steps the
 * thread that traps, sends SIGUSR1 somewhere between the traps, and tells at the second whether it did. The handler must
 * have run exactly then, the result must be the scenario's, and every register must be as the kernel would have left it.
 *
 * target SCENARIO inline|bare|libc [ROUNDS]: with ROUNDS it runs untraced and signals itself, which is how the program itself
 * is tested, natively and under Lichen. */
#define _GNU_SOURCE
#include "stub.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(expr)                                                                                                   \
    do {                                                                                                              \
        if (!(expr)) {                                                                                                \
            dprintf(2, "target.c:%d: round %d: CHECK(%s) failed, result %ld, handled %d\n", __LINE__, round_number,   \
                    #expr, (long)call.result, handled);                                                               \
            _exit(1);                                                                                                 \
        }                                                                                                             \
    } while (0)

static struct stub call;
static int round_number;
static int untraced_rounds;
static volatile int handled;
static volatile int interrupted;
static atomic_int cleaned;
static int pipes[2];
static int file;
static int by_libc, by_bare;
static sem_t go, reached;
static atomic_int over;
static pthread_t first;

static void on_injected(int signal)
{
    (void)signal;
    handled++;
}

static void on_own(int signal)
{
    (void)signal;
    interrupted++;
}

/* Stops for the harness and returns its answer. */
static long trap(long kind)
{
    long answer = 0;
    if (untraced_rounds) {
        if (kind == 1)
            return round_number > untraced_rounds;
        /* Not raise(3): it asks the TCB who this is, and the foreign thread has none. */
        syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
        return 1;
    }
    __asm__ volatile("int3" : "+a"(answer) : "D"(kind) : "memory");
    return answer;
}

/* Makes one call with known registers and checks that they came through. */
static long make(long number, void *function, long a, long b, long c, long d)
{
    uint64_t seed = (uint64_t)round_number * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < GENERAL; i++)
        call.in[i] = seed = seed * 6364136223846793005u + 1442695040888963407u;
    for (int i = 0; i < 16; i++)
        memset(call.in_vector[i], (int)(seed >> 32) + i, 32);
    call.number = (uint64_t)number;
    call.function = by_libc ? function : by_bare ? (void *)bare : NULL;
    call.in[RDI] = (uint64_t)a;
    call.in[RSI] = (uint64_t)b;
    call.in[RDX] = (uint64_t)c;
    call.in[R9] = 0;
    /* The fourth argument, for a function and for a system call; a fifth is none of ours. */
    call.in[R10] = (uint64_t)d;
    call.in[R8] = 0;
    /* Rounding towards zero: a control bit that a careless switch loses. */
    call.mxcsr = 0x7f80;
    stub(&call);
    CHECK((call.out_mxcsr & 0xffc0) == (call.mxcsr & 0xffc0));
    CHECK((call.flags & 0x400) == 0);
    /* A function may lose what the ABI gives it; a bare system call loses nothing but rax, rcx and r11. */
    for (int i = 0; i < (by_libc ? R15 + 1 : GENERAL); i++)
        CHECK(call.in[i] == call.out[i]);
    /* A function that touches no vectors keeps at most what a caller may have in the lower halves. */
    for (int i = 0; i < 16 && !by_libc; i++)
        CHECK(memcmp(call.in_vector[i], call.out_vector[i], by_bare ? 16 : 32) == 0);
    return (long)call.result;
}

static long failed(long result)
{
    return by_libc && result == -1 ? -errno : result;
}

static void *writes_when_told(void *arg)
{
    (void)arg;
    while (sem_wait(&go) == 0 && !atomic_load(&over))
        CHECK(write(pipes[1], "x", 1) == 1);
    return NULL;
}

static void *signals_when_told(void *write_too)
{
    for (;;) {
        while (sem_wait(&go) == -1)
            ;
        if (atomic_load(&over))
            return NULL;
        /* Again and again: natively the first may come before the read. */
        int before = interrupted;
        while (interrupted == before || !write_too) {
            pthread_kill(first, SIGUSR2);
            struct timespec time = {0, 1000000};
            nanosleep(&time, NULL);
            if (!write_too && sem_trywait(&reached) == 0)
                break;
        }
        if (write_too)
            CHECK(write(pipes[1], "x", 1) == 1);
    }
}

static void *waits_for_the_end(void *arg)
{
    sem_post(&reached);
    while (!atomic_load(&over))
        sem_wait(&go);
    return arg;
}

static void ready(void)
{
    char byte = 0;
    CHECK(write(pipes[1], "x", 1) == 1);
    CHECK(make(SYS_read, read, pipes[0], (long)&byte, 1, 0) == 1);
    CHECK(byte == 'x');
}

static void park(void)
{
    char byte = 0;
    sem_post(&go);
    CHECK(make(SYS_read, read, pipes[0], (long)&byte, 1, 0) == 1);
    CHECK(byte == 'x');
}

static void eintr(void)
{
    char byte = 0;
    sem_post(&go);
    CHECK(failed(make(SYS_read, read, pipes[0], (long)&byte, 1, 0)) == -EINTR);
    CHECK(interrupted);
    sem_post(&reached);
}

static void native(void)
{
    char bytes[4] = "";
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    CHECK(make(SYS_read, read, file, (long)bytes, 4, 0) == 4);
    CHECK(memcmp(bytes, "\177ELF", 4) == 0);
}

static void own_signal(void)
{
    int before = interrupted;
    CHECK(make(SYS_tgkill, tgkill, getpid(), gettid(), SIGUSR2, 0) == 0);
    CHECK(interrupted == before + 1);
}

static void count_cleanup(void *arg)
{
    (void)arg;
    atomic_fetch_add(&cleaned, 1);
}

static void *waits_for_its_end(void *arg)
{
    char byte;
    pthread_cleanup_push(count_cleanup, NULL);
    sem_post(&reached);
    CHECK(read(pipes[0], &byte, 1) == 1);
    CHECK(!"read returned");
    pthread_cleanup_pop(0);
    return arg;
}

static void cancel(void)
{
    pthread_t thread;
    void *value = NULL;
    int before = atomic_load(&cleaned);
    CHECK(pthread_create(&thread, NULL, waits_for_its_end, NULL) == 0);
    while (sem_wait(&reached) == -1)
        ;
    sched_yield();
    CHECK(pthread_cancel(thread) == 0);
    CHECK(pthread_join(thread, &value) == 0);
    CHECK(value == PTHREAD_CANCELED);
    CHECK(atomic_load(&cleaned) == before + 1);
}

static void *same(void *arg)
{
    return arg;
}

static void thread_exit(void)
{
    pthread_t thread;
    void *value = NULL;
    CHECK(pthread_create(&thread, NULL, same, &call) == 0);
    CHECK(pthread_join(thread, &value) == 0);
    CHECK(value == &call);
}

/* `child` is what fork or vfork returned. */
static void ends(pid_t child)
{
    int status;
    if (child == 0)
        _exit(7);
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void forks(void)
{
    ends(fork());
}

static void vforks(void)
{
    pid_t child = vfork();
    /* Here, and not in a function whose frame the child would leave behind. */
    if (child == 0)
        _exit(7);
    ends(child);
}

static char *const child_words[] = {"true", NULL};

static void spawns(void)
{
    pid_t child;
    int status;
    CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, child_words, child_words + 1) == 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

static int foreign_gone;

static int is_foreign(void *arg)
{
    (void)arg;
    return 0;
}

/* A kernel thread of its own, made with a stack and without TLS; `more` says what else is wanted of it. */
static void clone_foreign(int (*function)(void *), void *arg, int more)
{
    static char stack[1 << 16] __attribute__((aligned(64)));
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    CHECK(clone(function, stack + sizeof stack, flags | more, arg, NULL, NULL, &foreign_gone) > 0);
}

/* One that ends at once. */
static void clones(void)
{
    foreign_gone = 1;
    clone_foreign(is_foreign, NULL, CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID);
    while (__atomic_load_n(&foreign_gone, __ATOMIC_ACQUIRE))
        sched_yield();
}

/* As `make`, through libc's syscall() where libc is the way; fails with -errno either way. */
static long make_any(long number, long a, long b, long c)
{
    return by_libc ? failed(make(number, syscall, number, a, b, c)) : make(number, NULL, a, b, c, 0);
}

/* By a kernel thread that is not Lichen's: calls of its own pass, but for futex. */
static void foreign_calls(void)
{
    static int word = 1;
    CHECK(make_any(SYS_futex, (long)&word, FUTEX_WAKE_PRIVATE, 1) == 0);
    CHECK(make_any(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0) == -EAGAIN);
    /* No word of futex: the kernel is to say so. */
    CHECK(make_any(SYS_futex, (long)&word + 1, FUTEX_WAKE, 1) == -EINVAL);
    CHECK(make_any(SYS_getpid, 0, 0, 0) > 0);
    CHECK(make_any(SYS_sched_yield, 0, 0, 0) == 0);
}

static const struct scenario {
    const char *name;
    void (*run)(void);
    /* What another thread does meanwhile. */
    void *(*other)(void *);
    /* The handler of the scenario's own signal is without SA_RESTART. */
    int ends_calls;
    /* The harness's signal is blocked in the first thread, so that another one takes it. */
    int first_blocks;
} scenarios[] = {
    {"ready", ready},
    {"park", park, writes_when_told},
    {"eintr", eintr, signals_when_told, .ends_calls = 1},
    {"restart", park, signals_when_told},
    {"native", native},
    /* A second signal, if there is one, is for the other thread. */
    {"native-other", native, waits_for_the_end},
    {"signal", own_signal},
    {"cancel", cancel},
    {"cancelled-takes-it", cancel, .first_blocks = 1},
    {"exit", thread_exit},
    {"ending-takes-it", thread_exit, .first_blocks = 1},
    {"fork", forks},
    {"vfork", vforks},
    {"spawn", spawns},
    {"clone", clones},
    {"foreign", foreign_calls},
};

static void block(int how, int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(pthread_sigmask(how, &set, NULL) == 0);
}

static void rounds(const struct scenario *scenario)
{
    if (!untraced_rounds)
        CHECK(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == 0);
    for (round_number = 1;; round_number++) {
        if (trap(1))
            return;
        if (scenario->first_blocks)
            block(SIG_BLOCK, SIGUSR1);
        scenario->run();
        if (scenario->first_blocks)
            block(SIG_UNBLOCK, SIGUSR1);
        long sent = trap(2);
        CHECK(handled == sent);
        handled = 0;
    }
}

static int run_foreign(void *scenario)
{
    rounds(scenario);
    /* Not by libc: this thread has no TLS of its own. */
    call.in[RDI] = 0;
    call.function = NULL;
    call.number = SYS_exit_group;
    stub(&call);
    return 0;
}

static void *nothing(void *arg)
{
    return arg;
}

int main(int argc, char **argv)
{
    const struct scenario *scenario = NULL;
    pthread_t thread;
    if (argc > 1)
        for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
            if (strcmp(scenarios[i].name, argv[1]) == 0)
                scenario = &scenarios[i];
    CHECK(scenario && argc > 2);
    by_libc = strcmp(argv[2], "libc") == 0;
    by_bare = strcmp(argv[2], "bare") == 0;
    untraced_rounds = argc > 3 ? atoi(argv[3]) : 0;
    first = pthread_self();
    struct sigaction injected = {.sa_handler = on_injected, .sa_flags = SA_RESTART};
    struct sigaction own = {.sa_handler = on_own, .sa_flags = scenario->ends_calls ? 0 : SA_RESTART};
    CHECK(sigaction(SIGUSR1, &injected, NULL) == 0);
    CHECK(sigaction(SIGUSR2, &own, NULL) == 0);
    CHECK(pipe(pipes) == 0 && (file = open("/proc/self/exe", O_RDONLY)) >= 0);
    CHECK(sem_init(&go, 0, 0) == 0 && sem_init(&reached, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    if (strcmp(scenario->name, "foreign") == 0) {
        clone_foreign(run_foreign, (void *)scenario, 0);
        for (;;)
            pause();
    }
    if (scenario->other) {
        block(SIG_BLOCK, SIGUSR1);
        CHECK(pthread_create(&thread, NULL, scenario->other, scenario->ends_calls ? NULL : &call) == 0);
        block(SIG_UNBLOCK, SIGUSR1);
    }
    if (scenario->other == waits_for_the_end) {
        CHECK(sem_wait(&reached) == 0);
        block(SIG_BLOCK, SIGUSR2);
    }
    rounds(scenario);
    atomic_store(&over, 1);
    sem_post(&go);
    if (scenario->other)
        CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
