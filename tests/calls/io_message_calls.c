/* recvfrom, sendto, recvmsg, sendmsg, recvmmsg and sendmmsg with addresses, several parts and control data (a passed
 * descriptor), while the receiver waits. */
#include "check.h"
#include <sys/uio.h>

static int server, sockets[2];
static struct sockaddr_in server_address;
static atomic_int waiting;

static void *serves(void *arg)
{
    char buffer[3][16];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    (void)arg;
    atomic_store(&waiting, 1);
    CHECK_EQ(recvfrom(server, buffer[0], 16, 0, (struct sockaddr *)&from, &size), 4);
    CHECK_EQ(size, sizeof from);
    CHECK_EQ(sendto(server, "pong", 4, 0, (struct sockaddr *)&from, size), 4);

    struct iovec parts[3][2];
    struct mmsghdr many[3] = {0};
    for (int i = 0; i < 3; i++) {
        parts[i][0] = (struct iovec){buffer[i], 2};
        parts[i][1] = (struct iovec){buffer[i] + 2, 14};
        many[i].msg_hdr.msg_iov = parts[i];
        many[i].msg_hdr.msg_iovlen = 2;
    }
    int got = 0;
    while (got < 3) {
        int now = recvmmsg(server, many + got, (unsigned)(3 - got), MSG_WAITFORONE, NULL);
        CHECK(now > 0);
        got += now;
    }
    for (int i = 0; i < 3; i++)
        CHECK_EQ(many[i].msg_len, i + 3);
    CHECK(memcmp(buffer[2], "abcde", 5) == 0);
    return NULL;
}

static void *takes_descriptor(void *arg)
{
    char byte, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    (void)arg;
    atomic_store(&waiting, 1);
    CHECK_EQ(recvmsg(sockets[0], &message, MSG_CMSG_CLOEXEC), 1);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    CHECK(header && header->cmsg_type == SCM_RIGHTS);
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    CHECK_EQ(write(fd, "through", 7), 7);
    CHECK_EQ(close(fd), 0);
    return NULL;
}

int main(void)
{
    char buffer[16];
    ticker_start();
    server = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t size = sizeof server_address;
    server_address.sin_family = AF_INET;
    server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(server, (struct sockaddr *)&server_address, size), 0);
    CHECK_EQ(getsockname(server, (struct sockaddr *)&server_address, &size), 0);
    pthread_t thread = start(serves, NULL);
    wait_for(&waiting, 1);
    wait_ticks(4);
    int client = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(sendto(client, "ping", 4, 0, (struct sockaddr *)&server_address, size), 4);
    CHECK_EQ(recv(client, buffer, 16, 0), 4);
    wait_ticks(4);
    struct iovec parts[3] = {{"abc", 3}, {"abcd", 4}, {"abcde", 5}};
    struct mmsghdr many[3] = {0};
    for (int i = 0; i < 3; i++) {
        many[i].msg_hdr.msg_name = &server_address;
        many[i].msg_hdr.msg_namelen = size;
        many[i].msg_hdr.msg_iov = &parts[i];
        many[i].msg_hdr.msg_iovlen = 1;
    }
    CHECK_EQ(sendmmsg(client, many, 3, 0), 3);
    join(thread);

    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    atomic_store(&waiting, 0);
    thread = start(takes_descriptor, NULL);
    wait_for(&waiting, 1);
    wait_ticks(4);
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
    CHECK_EQ(sendmsg(sockets[1], &message, 0), 1);
    join(thread);
    CHECK_EQ(read(ends[0], buffer, 16), 7);
    ticker_end();
    printf("done\n");
    return 0;
}
