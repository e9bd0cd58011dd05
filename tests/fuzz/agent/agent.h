// The agent of the fuzzer: what its parts share. main.c reads the sequences, conductor.c issues the steps of one to worker
// threads, settled.c knows whether a worker has returned or is surely parked, the calls_*.c files make the calls.
//
// The same program runs natively and under Lichen; what it prints must be equal. Its language and its output are described
// in ../src/language.rs.
#ifndef AGENT_H
#define AGENT_H

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 12
#define WORKERS 4
#define ARGUMENTS 8
#define BUFFER (1 << 20)

// What is known of a descriptor: the kind is for the log only.
struct slot {
    int fd; // -1: empty
    int description; // equal for duplicates
    const char *kind;
    struct sockaddr_storage address; // of a listener
    socklen_t address_len;
};
extern struct slot slots[SLOTS];

struct worker;
struct call {
    const char *name;
    int arguments;
    void (*make)(struct worker *, const int *);
};

struct step {
    const struct call *call;
    int worker;
    int arguments[ARGUMENTS];
};

enum { IDLE, POSTED, INSIDE, DONE };

struct worker {
    pthread_t thread;
    int number;
    int tid;
    int stat_fd; // /proc/self/task/TID/stat, natively
    _Atomic int state;
    const struct step *step;
    int step_number;
    const char *kind; // of the descriptor it works on
    // What it was given, as the conductor saw it: see may_run.
    int fd, description;
    int to_description; // of the second slot of splice and tee; -1: none
    int asked[2]; // the numbers in slots of its first and third argument, as poll was given them; -1: none
    // How long the call may wait by its own time-out, in ms: 0 not at all or for ever. The conductor waits it out.
    _Atomic int timed_ms;
    // It may wait for something that is looked at from time to time only (a full backlog).
    _Atomic bool slow;
    uint64_t begun_ns;
    // The outcome.
    long result;
    int error;
    bool part; // a part was written; how much is TCP's affair
    char more[400];
    // Signals whose handlers ran here: SIGPIPE, SIGUSR1, SIGUSR2.
    _Atomic int handled[3];
    unsigned char *buffer;
};
extern struct worker workers[WORKERS];

extern const struct call calls_of_bytes[], calls_of_birth[], calls_of_waiting[], calls_of_moving[];

// Says how a call ended, early time-outs included. Sets result and error, which `errno` must still hold.
void ended(struct worker *w, long result);
// Adds words to the outcome.
__attribute__((format(printf, 2, 3))) void add(struct worker *w, const char *format, ...);
// The description that a message carried last.
extern int passed_description;
// May this step be issued while others wait as they do? See rules.c.
bool may_run(const struct step *step);
// Epoll watches this slot's description.
void watched(int slot, bool exclusively);
void forget_watches(void);
// Splice, tee or sendfile has to do with it.
void spliced(int slot);
// It has, or had, a duplicate.
void doubled(int slot);
// At the start, before there are threads: what sendfile sends; the FIFO; the signal of signalfds, blocked in all threads to come.
void prepare_source(void);
void make_fifo(void);
void block_signal(void);
// At the end of a sequence: its signals that nobody took. At the end of all: the FIFO.
void forget_signals(void);
void remove_fifo(void);
// The descriptor of a slot, noted as the one the step works on.
int on(struct worker *w, int slot);
// Puts a new descriptor into a slot; what was there must be closed.
void keep(int slot, int fd, const char *kind);
// Right before a call that may wait: `option` is SO_RCVTIMEO or SO_SNDTIMEO, 0 if neither counts.
void begin(struct worker *w, int fd, int option, int timeout_ms);
uint64_t now_ns(void);
void sleep_ns(long ns);

bool under_lichen(void);
void follow(struct worker *w);
// Waits until every worker has returned or is surely parked. Ends the process if that never happens.
void settle(void);
// The step that was issued opens a FIFO or sends a signal: only then may a helper that waits in such an open have to do.
extern bool stirs_fifo;

void conduct(const char *name, const struct step *steps, int count);
void start_workers(void);

#endif
