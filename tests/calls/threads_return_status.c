/* main returns while threads wait in every kind of call: the process ends at once with main's status.
 * status: 3
 */
#include "check.h"

static int pipe_ends[2];
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static atomic_int ready;

static void *waits(void *arg)
{
    char byte;
    atomic_fetch_add(&ready, 1);
    switch ((long)arg % 4) {
    case 0:
        pthread_mutex_lock(&held);
        break;
    case 1:
        CHECK(read(pipe_ends[0], &byte, 1) == 1);
        break;
    case 2:
        sleep(1000);
        break;
    default:
        pause();
    }
    return NULL;
}

int main(void)
{
    CHECK_EQ(pipe(pipe_ends), 0);
    pthread_mutex_lock(&held);
    for (long i = 0; i < 12; i++)
        start(waits, (void *)i);
    wait_for(&ready, 12);
    sleep_ms(5);
    printf("main returns\n");
    return 3;
}
