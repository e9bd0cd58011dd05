/*
 * The start and the end that the C servers here share: a listener on 127.0.0.1 at a port the kernel picks (or argv[1]),
 * "port N" as the first line of output, and exit status 0 on SIGTERM. Plain POSIX; nothing in it knows of Lichen.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

static void stop(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

/* socket_flags: 0 or SOCK_NONBLOCK. */
static inline int listen_and_say_where(int argc, char **argv, int socket_flags)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a client that left is an error of one write, not the end of the server */

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (argc > 1)
        address.sin_port = htons((uint16_t)atoi(argv[1]));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0), on = 1;
    if (listener < 0)
        die("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(listener, SOMAXCONN) < 0)
        die("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        die("getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

#endif
