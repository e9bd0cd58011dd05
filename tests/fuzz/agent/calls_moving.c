// Calls that move bytes between two descriptors, and kinds of descriptors that are rarer: named FIFOs, which are waited for
// when they are opened, and signalfds.
#include "agent.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

static bool is_tcp(int slot) { return slots[slot].fd >= 0 && !strcmp(slots[slot].kind, "tcp"); }

// How much TCP takes at once is its affair. `tcp`: as it was when the call began.
static void moved(struct worker *w, long result, bool tcp, int wanted) {
    ended(w, result);
    w->part = tcp && w->result > 0 && w->result < wanted;
}

// splice FROM TO LENGTH FLAGS
static void splice_(struct worker *w, const int *a) {
    bool tcp = is_tcp(a[0]) || is_tcp(a[1]);
    int to = slots[a[1]].fd, from = on(w, a[0]);
    spliced(a[0]);
    spliced(a[1]);
    begin(w, -1, 0, 0);
    moved(w, splice(from, NULL, to, NULL, a[2], a[3] & 1 ? SPLICE_F_NONBLOCK : 0), tcp, a[2]);
}

// tee FROM TO LENGTH FLAGS
static void tee_(struct worker *w, const int *a) {
    int to = slots[a[1]].fd, from = on(w, a[0]);
    spliced(a[0]);
    spliced(a[1]);
    begin(w, -1, 0, 0);
    moved(w, tee(from, to, a[2], a[3] & 1 ? SPLICE_F_NONBLOCK : 0), false, a[2]);
}

#define FILE_BYTES 200000

// A file in memory.
static int source(void) {
    static int fd = -1;
    static unsigned char bytes[FILE_BYTES];
    if (fd >= 0) return fd;
    for (int i = 0; i < FILE_BYTES; i++) bytes[i] = (unsigned char)(i * 31 + (i >> 9));
    int low = memfd_create("source", MFD_CLOEXEC);
    if (write(low, bytes, FILE_BYTES) != FILE_BYTES) _exit(3);
    fd = fcntl(low, F_DUPFD_CLOEXEC, 210);
    close(low);
    return fd;
}

void prepare_source(void) { source(); }

// sendfile TO LENGTH
static void sendfile_(struct worker *w, const int *a) {
    off_t at = w->step_number * 100;
    int to = on(w, a[0]);
    spliced(a[0]);
    begin(w, to, SO_SNDTIMEO, 0);
    moved(w, sendfile(to, source(), &at, a[1]), !strcmp(w->kind, "tcp"), a[1]);
    if (!w->part) add(w, " at %ld", (long)at);
}

static char fifo_name[64];
// All that open the FIFO wait in the same queues, as if through duplicates; and all signalfds for the same signals.
enum { THE_FIFO = 16382, THE_SIGNALS };

void make_fifo(void) {
    snprintf(fifo_name, sizeof fifo_name, "/tmp/fuzz-fifo.%d", getpid());
    unlink(fifo_name);
    if (mkfifo(fifo_name, 0600)) _exit(3);
}

void remove_fifo(void) { unlink(fifo_name); }

// fifo SLOT MODE: opens the one there is.
static void fifo(struct worker *w, const int *a) {
    static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_NONBLOCK, O_WRONLY | O_NONBLOCK};
    static const char *const kinds[] = {"fifo-r", "fifo-w", "fifo-rw", "fifo-r", "fifo-w"};
    int mode = a[1] % 5;
    if (slots[a[0]].fd >= 0) {
        w->result = 0;
        return add(w, " taken");
    }
    w->kind = kinds[mode];
    begin(w, -1, 0, 0);
    int fd = open(fifo_name, modes[mode] | O_CLOEXEC);
    ended(w, fd);
    if (fd < 0) return;
    w->result = 0;
    if (slots[a[0]].fd >= 0) {
        close(fd); // filled while this waited
        return;
    }
    keep(a[0], fd, kinds[mode]);
    slots[a[0]].description = THE_FIFO;
}

static sigset_t the_signal(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 5);
    return set;
}

void block_signal(void) {
    sigset_t set = the_signal();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void forget_signals(void) {
    sigset_t set = the_signal();
    struct timespec at_once = {0, 0};
    while (sigtimedwait(&set, NULL, &at_once) > 0) {}
}

// sigfd SLOT NONBLOCK
static void sigfd(struct worker *w, const int *a) {
    if (slots[a[0]].fd >= 0) {
        w->result = 0;
        return add(w, " taken");
    }
    sigset_t set = the_signal();
    begin(w, -1, 0, 0);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | (a[1] & 1 ? SFD_NONBLOCK : 0));
    ended(w, fd);
    w->kind = "signalfd";
    if (fd < 0) return;
    w->result = 0;
    keep(a[0], fd, "signalfd");
    slots[a[0]].description = THE_SIGNALS;
}

// sigread SLOT COUNT
static void sigread(struct worker *w, const int *a) {
    struct signalfd_siginfo info[3];
    int fd = on(w, a[0]), count = a[1] < 0 || a[1] > 3 ? 1 : a[1];
    memset(info, 0, sizeof info);
    begin(w, -1, 0, 0);
    ended(w, read(fd, info, count * sizeof *info));
    for (long i = 0; i < w->result / (long)sizeof *info; i++)
        add(w, " signal %d by %d", (int)info[i].ssi_signo - SIGRTMIN, (int)info[i].ssi_pid == getpid());
}

// raise HOW: to the process.
static void raise_(struct worker *w, const int *a) {
    union sigval value = {.sival_int = w->step_number};
    begin(w, -1, 0, 0);
    ended(w, a[0] & 1 ? sigqueue(getpid(), SIGRTMIN + 5, value) : kill(getpid(), SIGRTMIN + 5));
}

const struct call calls_of_moving[] = {
    {"splice", 4, splice_}, {"tee", 4, tee_},         {"sendfile", 2, sendfile_}, {"fifo", 2, fifo},
    {"sigfd", 2, sigfd},    {"sigread", 2, sigread},  {"raise", 1, raise_},       {NULL, 0, NULL},
};
