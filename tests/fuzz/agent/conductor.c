// The conductor: issues the steps of a sequence one at a time, and after each says which calls came back and which wait. At
// the end every call that still waits is interrupted by a signal, and all descriptors are closed.
#include "agent.h"
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>

struct slot slots[SLOTS];
struct worker workers[WORKERS];
static __thread struct worker *self;

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void sleep_ns(long ns) {
    struct timespec t = {0, ns};
    nanosleep(&t, NULL);
}

void add(struct worker *w, const char *format, ...) {
    size_t at = strlen(w->more);
    va_list list;
    va_start(list, format);
    vsnprintf(w->more + at, sizeof w->more - at, format, list);
    va_end(list);
}

int on(struct worker *w, int slot) {
    w->kind = slots[slot].fd < 0 ? "none" : slots[slot].kind;
    return slots[slot].fd;
}

void keep(int slot, int fd, const char *kind) {
    static int descriptions;
    slots[slot].description = ++descriptions;
    slots[slot].fd = fd;
    slots[slot].kind = kind;
}

void begin(struct worker *w, int fd, int option, int timeout_ms) {
    struct timeval t = {0, 0};
    socklen_t len = sizeof t;
    if (option && getsockopt(fd, SOL_SOCKET, option, &t, &len) == 0 && (t.tv_sec || t.tv_usec))
        timeout_ms = t.tv_sec * 1000 + t.tv_usec / 1000;
    w->begun_ns = now_ns();
    atomic_store(&w->timed_ms, timeout_ms);
    errno = 0;
}

void ended(struct worker *w, long result) {
    int error = errno;
    uint64_t gone = now_ns() - w->begun_ns;
    int timed = atomic_load(&w->timed_ms);
    w->result = result;
    w->error = result < 0 ? error : 0;
    // Nothing else happens while a call with a time-out waits, so it ends at once or by time.
    bool out = timed && (result == 0 || (result < 0 && error == EAGAIN));
    if (out && gone < timed * 1000000ull && gone > 500000) add(w, " EARLY");
    atomic_store(&w->timed_ms, 0);
    atomic_store(&w->slow, false);
}

static void futex(_Atomic int *word, int operation, int value) {
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void *work(void *argument) {
    struct worker *w = self = argument;
    w->tid = gettid();
    atomic_store(&w->state, IDLE);
    for (;;) {
        int state = atomic_load(&w->state);
        if (state != POSTED) {
            futex(&w->state, FUTEX_WAIT_PRIVATE, state);
            continue;
        }
        w->more[0] = 0;
        w->part = false;
        w->kind = "none";
        atomic_store(&w->timed_ms, 0);
        atomic_store(&w->slow, false);
        w->begun_ns = now_ns();
        atomic_store(&w->state, INSIDE);
        w->step->call->make(w, w->step->arguments);
        atomic_store(&w->state, DONE);
    }
    return NULL;
}

static void handler(int number) {
    int saved = errno;
    if (self) self->handled[number == SIGPIPE ? 0 : number == SIGUSR1 ? 1 : 2]++;
    errno = saved;
}

static void catch(int number, int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(number, &action, NULL);
}

void start_workers(void) {
    catch(SIGPIPE, SA_RESTART);
    catch(SIGUSR1, 0);
    catch(SIGUSR2, SA_RESTART);
    for (int i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[i];
        w->number = i;
        w->buffer = malloc(BUFFER);
        atomic_store(&w->state, POSTED + 100);
        pthread_create(&w->thread, NULL, work, w);
        while (atomic_load(&w->state) != IDLE) sleep_ns(10000);
        follow(w);
    }
}

static const char *error_name(int error) {
    static _Thread_local char other[16];
    const char *name = strerrorname_np(error);
    if (name) return name;
    snprintf(other, sizeof other, "E%d", error);
    return other;
}

static void say_ended(struct worker *w, const char *at) {
    printf("%s: step %d %s(%s) = ", at, w->step_number, w->step->call->name, w->kind);
    if (w->part) printf("part");
    else printf("%ld", w->result);
    if (w->result < 0) printf(" %s", error_name(w->error));
    printf("%s", w->more);
    static const char *const names[] = {"SIGPIPE", "SIGUSR1", "SIGUSR2"};
    for (int i = 0; i < 3; i++) {
        int n = atomic_exchange(&w->handled[i], 0);
        if (n) printf(" %sx%d", names[i], n);
    }
    printf("\n");
    atomic_store(&w->state, IDLE);
}

static void say_all(const char *at, const struct worker *issued) {
    for (int i = 0; i < WORKERS; i++)
        if (atomic_load(&workers[i].state) == DONE) say_ended(&workers[i], at);
    if (issued && atomic_load(&issued->state) == INSIDE)
        printf("%s: step %d %s(%s) waits\n", at, issued->step_number, issued->step->call->name, issued->kind);
}

// The step's worker, or the next one that has nothing to do.
static struct worker *choose(int preferred) {
    for (int i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[(preferred + i) % WORKERS];
        if (atomic_load(&w->state) == IDLE) return w;
    }
    return NULL;
}

static void close_all(void) {
    forget_signals();
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i].fd >= 0) close(slots[i].fd);
        slots[i] = (struct slot){.fd = -1, .kind = "none"};
    }
}

void conduct(const char *name, const struct step *steps, int count) {
    char at[32];
    printf("sequence %s\n", name);
    forget_watches();
    for (int i = 0; i < SLOTS; i++) slots[i] = (struct slot){.fd = -1, .kind = "none"};
    for (int i = 0; i < count; i++) {
        struct worker *w = choose(steps[i].worker);
        snprintf(at, sizeof at, "%d", i);
        if (!w || !may_run(&steps[i])) {
            printf("%s: %s\n", at, w ? "left out" : "all threads wait");
            continue;
        }
        w->fd = slots[steps[i].arguments[0] % SLOTS].fd;
        w->description = slots[steps[i].arguments[0] % SLOTS].description;
        bool moves = !strcmp(steps[i].call->name, "splice") || !strcmp(steps[i].call->name, "tee");
        w->to_description = moves ? slots[steps[i].arguments[1] % SLOTS].description : -1;
        for (int k = 0; k < 2; k++) {
            int slot = steps[i].arguments[2 * k];
            w->asked[k] = slot >= 0 && slot < SLOTS ? slots[slot].fd : -1;
        }
        stirs_fifo = !strcmp(steps[i].call->name, "fifo") || !strcmp(steps[i].call->name, "poke");
        w->step = &steps[i];
        w->step_number = i;
        atomic_store(&w->state, POSTED);
        futex(&w->state, FUTEX_WAKE_PRIVATE, 1);
        settle();
        say_all(at, w);
    }
    for (int i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[i];
        if (atomic_load(&w->state) != INSIDE) continue;
        stirs_fifo = true;
        pthread_kill(w->thread, SIGUSR1);
        settle();
        if (atomic_load(&w->state) == INSIDE) {
            printf("stuck: step %d waits on after a signal\n", w->step_number);
            fflush(stdout);
            _exit(4);
        }
        say_all("end", NULL);
    }
    close_all();
    // The lowest free number: equal unless a descriptor was lost or left open.
    int lowest = dup(0);
    printf("lowest %d\ndone %s\n", lowest, name);
    close(lowest);
    fflush(stdout);
}
