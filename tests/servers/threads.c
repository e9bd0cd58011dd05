/*
 * A thread-per-connection HTTP/1.1 server as one would write it without ever having heard of Lichen: plain pthreads with
 * default stacks, blocking accept, read and write. The main exhibit of scripts/demo and scripts/bench.
 *
 * usage: threads [PORT]      prints "port N", serves keep-alive connections, ends with status 0 on SIGTERM
 */
#include "answer.h"
#include "listen.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

static int write_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        bytes += done;
        n -= (size_t)done;
    }
    return 0;
}

/* Serves one connection until the client closes it. */
static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char in[REQUEST_MAX], out[RESPONSE_MAX];
    size_t have = 0;

    for (;;) {
        size_t length;
        while (!(length = request_length(in, have))) {
            ssize_t got = have < sizeof in ? read(fd, in + have, sizeof in - have) : 0;
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                goto done;
            have += (size_t)got;
        }
        if (write_all(fd, out, answer(in, length, out)) < 0 || wants_close(in, length))
            goto done;
        have -= length;
        memmove(in, in + length, have);
    }
done:
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = listen_and_say_where(argc, argv, 0);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);

    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            die("accept");
        }
        pthread_t thread;
        int error = pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd);
        if (error) {
            fprintf(stderr, "threads: no thread for a connection: %s\n", strerror(error));
            close(fd);
        }
    }
}
