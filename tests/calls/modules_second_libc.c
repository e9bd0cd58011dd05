/* Second copies of libc, in link namespaces of their own (dlmopen): one that is loaded before the first thread, one after
 * it. Their sleeps and reads wait beside the other threads, and threads made by one are threads like all others: they
 * wait, and wake each other through a mutex and a condition variable of the copy that made them, while others count.
 * flags: -ldl
 * greens
 */
#include "check.h"
#include <dlfcn.h>

/* What is tried of a copy. */
struct copy {
    int (*nanosleep)(const struct timespec *, struct timespec *);
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int (*join)(pthread_t, void **);
    int (*lock)(pthread_mutex_t *);
    int (*unlock)(pthread_mutex_t *);
    int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
    int (*cond_signal)(pthread_cond_t *);
    pid_t (*gettid)(void);
};

static void *symbol(void *library, const char *name)
{
    void *at = dlsym(library, name);
    CHECK(at);
    return at;
}

static void load(struct copy *into)
{
    void *library = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
    if (!library)
        dprintf(2, "%s\n", dlerror());
    CHECK(library);
    *(void **)&into->nanosleep = symbol(library, "nanosleep");
    *(void **)&into->read = symbol(library, "read");
    *(void **)&into->write = symbol(library, "write");
    *(void **)&into->create = symbol(library, "pthread_create");
    *(void **)&into->join = symbol(library, "pthread_join");
    *(void **)&into->lock = symbol(library, "pthread_mutex_lock");
    *(void **)&into->unlock = symbol(library, "pthread_mutex_unlock");
    *(void **)&into->cond_wait = symbol(library, "pthread_cond_wait");
    *(void **)&into->cond_signal = symbol(library, "pthread_cond_signal");
    *(void **)&into->gettid = symbol(library, "gettid");
    CHECK((void *)into->nanosleep != dlsym(RTLD_DEFAULT, "nanosleep"));
}

/* Checks that the ticker counts while the copy sleeps. A busy machine may leave it out once, so there are several tries. */
static void sleeps(const struct copy *copy)
{
    long before = ticker_now();
    int tries = 0;
    do {
        struct timespec time = {0, 10000000};
        CHECK(++tries < 100);
        CHECK_EQ(copy->nanosleep(&time, NULL), 0);
    } while (ticker_now() == before);
}

struct meeting {
    const struct copy *copy;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int pipe[2];
    int here, ids[4];
    atomic_int over;
};

/* Runs in a thread that the copy made. */
static void *meets(void *arg)
{
    struct meeting *meeting = (struct meeting *)arg;
    const struct copy *copy = meeting->copy;
    char byte = 0;
    sleeps(copy);
    CHECK_EQ(copy->read(meeting->pipe[0], &byte, 1), 1);
    CHECK_EQ(byte, 'm');
    CHECK_EQ(copy->lock(&meeting->mutex), 0);
    meeting->ids[meeting->here++] = copy->gettid();
    while (meeting->here < 4)
        CHECK_EQ(copy->cond_wait(&meeting->cond, &meeting->mutex), 0);
    CHECK_EQ(copy->cond_signal(&meeting->cond), 0);
    CHECK_EQ(copy->unlock(&meeting->mutex), 0);
    while (!atomic_load(&meeting->over))
        sleeps(copy);
    return arg;
}

static void try_copy(const struct copy *copy)
{
    static struct meeting meeting;
    pthread_t threads[4];
    void *value;
    memset(&meeting, 0, sizeof meeting);
    meeting.copy = copy;
    CHECK_EQ(pipe(meeting.pipe), 0);
    sleeps(copy);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(copy->create(&threads[i], NULL, meets, &meeting), 0);
    wait_ticks(5);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(copy->write(meeting.pipe[1], "m", 1), 1);
    for (int here = 0; here < 4;) {
        sleeps(copy);
        CHECK_EQ(copy->lock(&meeting.mutex), 0);
        here = meeting.here;
        CHECK_EQ(copy->unlock(&meeting.mutex), 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK(meeting.ids[i] != getpid());
        for (int k = 0; k < i; k++)
            CHECK(meeting.ids[i] != meeting.ids[k]);
    }
    CHECK_GREENS();
    atomic_store(&meeting.over, 1);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(copy->join(threads[i], &value), 0);
        CHECK(value == &meeting);
    }
    close(meeting.pipe[0]);
    close(meeting.pipe[1]);
}

int main(void)
{
    struct copy before, after;
    struct timespec time = {0, 1000000};
    load(&before);
    CHECK_EQ(before.nanosleep(&time, NULL), 0);
    ticker_start();
    wait_ticks(1);
    try_copy(&before);
    load(&after);
    try_copy(&after);
    try_copy(&before);

    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        ticker_start();
        try_copy(&after);
        try_copy(&before);
        _exit(0);
    }
    CHECK_CHILD(child, 0);
    ticker_end();
    printf("done\n");
    return 0;
}
