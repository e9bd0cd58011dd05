// Has every worker returned, or does it surely wait? Natively /proc says which thread sleeps; under Lichen its table of threads
// does (docs/debugging.md), and a sleep of the conductor's own lets the event loop turn. No decision rests on time, but for
// calls with a time-out of their own, which are waited out, and for helpers and retries, which get some 50 ms.
#include "agent.h"
#include <dlfcn.h>
#include <fcntl.h>

#define PATIENCE_NS 3000000000ull
#define LOOKS 2

struct header {
    char magic[8];
    uint32_t version, record, first, capacity, used;
};

static const struct header *greens(void) {
    static const struct header *const *symbol;
    static bool asked;
    if (!asked) {
        symbol = dlsym(RTLD_DEFAULT, "LICHEN_GREENS");
        asked = true;
    }
    return symbol ? *symbol : NULL;
}

bool under_lichen(void) { return greens() != NULL; }

// Natively: keeps the stat file of a worker open, at a number that no sequence reaches.
void follow(struct worker *w) {
    char path[64];
    if (under_lichen()) return;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", w->tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    w->stat_fd = fcntl(fd, F_DUPFD_CLOEXEC, 200);
    close(fd);
    if (w->stat_fd < 0) {
        printf("fatal: %s cannot be read\n", path);
        _exit(3);
    }
}

static bool sleeps_natively(const struct worker *w) {
    char text[512];
    ssize_t n = pread(w->stat_fd, text, sizeof text - 1, 0);
    if (n <= 0) return false;
    text[n] = 0;
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'S';
}

// What a green waits for: a helper, for example, or work that ends by itself (runtime/src/green/mod.rs).
enum { HELPER = 6, WORK = 9 };

// 0 if it does not wait.
static int waits_for(const struct worker *w) {
    const struct header *h = greens();
    for (uint32_t i = 0; i < h->used; i++) {
        const char *record = (const char *)h + h->first + (size_t)i * h->record;
        uint32_t tid;
        memcpy(&tid, record + 64, sizeof tid);
        if (tid != (uint32_t)w->tid || record[24] == 0) continue;
        return record[24] == 3 && record[25] > 1 && record[25] != WORK ? record[25] : 0;
    }
    return 0;
}

bool stirs_fifo;

static bool busy(const struct worker *w) {
    int state = atomic_load(&w->state);
    return state == POSTED || state == INSIDE;
}

// One look at everybody. Sets `pause_ns` to how long to let pass before the next one.
static bool all_settled(long *pause_ns, bool *helped) {
    bool settled = true;
    *pause_ns = under_lichen() ? 1 : 0;
    for (int i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[i];
        if (!busy(w)) continue;
        int timed = atomic_load(&w->timed_ms);
        if (timed && now_ns() < w->begun_ns + timed * 1000000ull + 300000000ull) {
            // It will return by itself; nothing else is issued until then.
            if (now_ns() > w->begun_ns + 100000) *pause_ns = 200000;
            settled = false;
            continue;
        }
        bool waits;
        if (under_lichen()) {
            int what = waits_for(w);
            waits = what != 0;
            bool helper = what == HELPER && (stirs_fifo || strcmp(w->step->call->name, "fifo"));
            if (helper || (waits && atomic_load(&w->slow))) *helped = true;
        } else {
            waits = sleeps_natively(w);
        }
        // A worker that had not begun, or has ended since the look, is not settled.
        if (!waits || atomic_load(&w->state) != INSIDE) settled = false;
    }
    return settled;
}

static bool any_busy(void) {
    for (int i = 0; i < WORKERS; i++)
        if (busy(&workers[i])) return true;
    return false;
}

static void settle_once(bool *helped) {
    uint64_t end = now_ns() + PATIENCE_NS;
    int looks = 0;
    // A call that does not wait is over before /proc would have been read.
    for (int i = 0; i < 20 && !under_lichen() && any_busy(); i++) sched_yield();
    while (looks < LOOKS) {
        long pause_ns;
        bool settled = all_settled(&pause_ns, helped);
        looks = settled ? looks + 1 : 0;
        if (now_ns() > end) {
            for (int i = 0; i < WORKERS; i++)
                if (busy(&workers[i])) printf("stuck: step %d neither returns nor waits\n", workers[i].step_number);
            fflush(stdout);
            _exit(4);
        }
        if (pause_ns) sleep_ns(pause_ns);
        else if (looks < LOOKS) sched_yield();
    }
}

void settle(void) {
    bool helped = false;
    settle_once(&helped);
    for (int i = 0; i < 3 && helped; i++) {
        sleep_ns(17000000);
        helped = false;
        settle_once(&helped);
    }
}
