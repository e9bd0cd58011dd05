/* A thread that computes without any call holds up nobody: another one ends its spin, signals reach it meanwhile, its
 * registers and its small stack are its own, and the same is true in the child of a fork.
 * greens
 * skips: slices
 */
#include "check.h"
#include <setjmp.h>

static volatile int go_on, handled;
static sigjmp_buf out;

static void *spin(void *started)
{
    atomic_store((atomic_int *)started, 1);
    while (!go_on)
        ;
    return NULL;
}

static void another_ends_the_spin(void)
{
    atomic_int started = 0;
    go_on = 0;
    pthread_t thread = start(spin, &started);
    wait_for(&started, 1);
    sleep_ms(30);
    go_on = 1;
    join(thread);
}

static void stop(int number)
{
    handled = number;
    go_on = 1;
}

static void jump(int number)
{
    handled = number;
    siglongjmp(out, 1);
}

static void *spin_until_jump(void *started)
{
    if (sigsetjmp(out, 1) == 0)
        spin(started);
    sigset_t mask;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    CHECK(!sigismember(&mask, SIGUSR2));
    return NULL;
}

static void signals_reach_it(void *(*function)(void *), void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    atomic_int started = 0;
    go_on = handled = 0;
    pthread_t thread = start(function, &started);
    wait_for(&started, 1);
    sleep_ms(30);
    CHECK_EQ(pthread_kill(thread, SIGUSR2), 0);
    join(thread);
    CHECK_EQ(handled, SIGUSR2);
}

/* As many values as there are registers, none of them in memory for long. */
static double sum(double seed, long turns)
{
    double a[8];
    for (int i = 0; i < 8; i++)
        a[i] = seed + i;
    for (long turn = 0; turn < turns; turn++)
        for (int i = 0; i < 8; i++)
            a[i] = a[i] * 0.999999 + seed / (1.0 + i);
    return a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7];
}

#define TURNS 3000000
static void *computes(void *seed)
{
    double *value = malloc(sizeof *value);
    *value = sum((double)(long)seed, TURNS);
    return value;
}

static void registers_are_its_own(void)
{
    pthread_t threads[6];
    pthread_attr_t small;
    CHECK_EQ(pthread_attr_init(&small), 0);
    CHECK_EQ(pthread_attr_setstacksize(&small, 16384), 0);
    for (long i = 0; i < 6; i++)
        CHECK_EQ(pthread_create(&threads[i], &small, computes, (void *)(i + 1)), 0);
    CHECK_GREENS();
    for (long i = 0; i < 6; i++) {
        double *value = join(threads[i]);
        CHECK(*value == sum((double)(i + 1), TURNS));
        free(value);
    }
}

static void *allocates(void *arg)
{
    char *kept[64] = {0};
    for (long i = 0; i < 300000; i++) {
        free(kept[i % 64]);
        kept[i % 64] = malloc((size_t)(i * 37 % 2000) + 1);
        kept[i % 64][0] = (char)i;
    }
    for (int i = 0; i < 64; i++)
        free(kept[i]);
    return arg;
}

static void locks_of_libc_hold(void)
{
    in_many_threads(4, allocates);
}

int main(void)
{
    another_ends_the_spin();
    signals_reach_it(spin, stop);
    signals_reach_it(spin_until_jump, jump);
    registers_are_its_own();
    locks_of_libc_hold();
    atomic_int started = 0;
    go_on = 0;
    pthread_t thread = start(spin, &started);
    wait_for(&started, 1);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        another_ends_the_spin();
        signals_reach_it(spin, stop);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    go_on = 1;
    join(thread);
    puts("nobody was held up");
    return 0;
}
