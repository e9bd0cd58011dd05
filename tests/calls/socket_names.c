/* Threads look up names at once, by getaddrinfo, getnameinfo and the user database: what libc does inside itself. */
#include "check.h"
#include <netdb.h>
#include <pwd.h>

static void *looks_up(void *arg)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    char host[256], service[32], buffer[4096];
    struct passwd user, *result;
    CHECK_EQ(getaddrinfo("localhost", "80", &hints, &found), 0);
    CHECK_EQ(((struct sockaddr_in *)found->ai_addr)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_EQ(getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, service, sizeof service,
                         NI_NUMERICHOST | NI_NUMERICSERV),
             0);
    CHECK(strcmp(host, "127.0.0.1") == 0 && strcmp(service, "80") == 0);
    freeaddrinfo(found);
    CHECK_EQ(getpwuid_r(0, &user, buffer, sizeof buffer, &result), 0);
    CHECK(result && strcmp(user.pw_name, "root") == 0);
    return arg;
}

int main(void)
{
    in_many_threads(20, looks_up);
    printf("done\n");
    return 0;
}
