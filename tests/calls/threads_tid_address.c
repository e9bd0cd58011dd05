/* prctl(PR_GET_TID_ADDRESS) tells each thread the word that is cleared at its own end, as set_tid_address left it; a thread
 * that puts it back by that can be joined. A child by fork has none, unless it asked for one, and no list of robust mutexes. */
#include "check.h"
#include <sys/prctl.h>

static int *word_of_mine(void)
{
    int *word = (int *)-1;
    if (prctl(PR_GET_TID_ADDRESS, &word) == -1 && errno == EINVAL)
        LACKS("PR_GET_TID_ADDRESS (CONFIG_CHECKPOINT_RESTORE)");
    CHECK(word != (int *)-1);
    return word;
}

static void in_child(void)
{
    void *head = &head;
    size_t size = 0;
    CHECK_EQ(word_of_mine(), 0);
    CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &size), 0);
    CHECK_EQ(head, 0);
}

static void *asks(void *arg)
{
    int *word = word_of_mine(), other, status;
    CHECK(word);
    CHECK_EQ(*word, gettid());
    CHECK_EQ(syscall(SYS_set_tid_address, &other), gettid());
    CHECK_EQ(word_of_mine(), &other);
    CHECK_EQ(syscall(SYS_set_tid_address, NULL), gettid());
    CHECK_EQ(word_of_mine(), 0);
    CHECK_EQ(syscall(SYS_set_tid_address, word), gettid());
    CHECK_ERRNO(prctl(PR_GET_TID_ADDRESS, 8), EFAULT);
    CHECK_EQ(word_of_mine(), word);

    pid_t child = syscall(SYS_fork);
    if (child == 0) {
        in_child();
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    child = syscall(SYS_clone, CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, &other, NULL);
    if (child == 0) {
        CHECK_EQ(word_of_mine(), &other);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    return arg;
}

int main(void)
{
    in_both_threads(asks);
    in_many_threads(8, asks);
    printf("done\n");
    return 0;
}
