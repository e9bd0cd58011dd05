/* A limit on address space set by a child of a threaded process: threads start there until memory is really out, and
 * again after some have ended. */
#include "limited_memory.h"

static void one_more(void)
{
    join(start(uses_stack, NULL));
}

int main(void)
{
    one_more();
    fill_limited_child(one_more);
    printf("done\n");
    return 0;
}
