/* The first threads are those glibc makes for POSIX asynchronous I/O and for getaddrinfo_a.
 * flags: -lrt -lanl
 * greens
 */
#include "activation_common.h"
#include <aio.h>
#include <netdb.h>

int main(void)
{
    char name[] = "/tmp/lichen-aio-XXXXXX", data[16] = "";
    int fd = mkstemp(name);
    CHECK(fd >= 0);
    CHECK_EQ(unlink(name), 0);
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    struct aiocb request = {.aio_fildes = fd, .aio_buf = data, .aio_nbytes = 10, .aio_offset = 2};
    const struct aiocb *list[1] = {&request};
    CHECK_EQ(aio_read(&request), 0);
    while (aio_error(&request) == EINPROGRESS)
        CHECK_EQ(aio_suspend(list, 1, NULL), 0);
    CHECK_EQ(aio_return(&request), 8);
    CHECK(memcmp(data, "23456789", 8) == 0);

    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct gaicb look = {.ar_name = "127.0.0.1", .ar_request = &hints}, *looks[1] = {&look};
    CHECK_EQ(getaddrinfo_a(GAI_NOWAIT, looks, 1, NULL), 0);
    while (gai_error(&look) == EAI_INPROGRESS)
        gai_suspend((const struct gaicb *const *)looks, 1, NULL);
    CHECK_EQ(gai_error(&look), 0);
    struct sockaddr_in *found = (struct sockaddr_in *)look.ar_result->ai_addr;
    CHECK_EQ(found->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    check_threads_work(1);
    printf("done\n");
    return 0;
}
