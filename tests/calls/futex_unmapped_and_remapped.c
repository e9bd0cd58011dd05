/* Memory that once held locks is freed and mapped again: new locks there start afresh, old waiters are not theirs. */
#include "check.h"
#include <sys/mman.h>

struct page {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int flag;
};

static void *waits(void *arg)
{
    struct page *page = arg;
    pthread_mutex_lock(&page->lock);
    while (!page->flag)
        pthread_cond_wait(&page->changed, &page->lock);
    pthread_mutex_unlock(&page->lock);
    return NULL;
}

int main(void)
{
    void *hint = NULL;
    for (int i = 0; i < 100; i++) {
        struct page *page = mmap(hint, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(page != MAP_FAILED);
        pthread_mutex_init(&page->lock, NULL);
        pthread_cond_init(&page->changed, NULL);
        pthread_t thread = start(waits, page);
        sched_yield();
        pthread_mutex_lock(&page->lock);
        page->flag = 1;
        pthread_cond_signal(&page->changed);
        pthread_mutex_unlock(&page->lock);
        join(thread);
        hint = page;
        CHECK_EQ(munmap(page, 4096), 0);
    }
    printf("done\n");
    return 0;
}
