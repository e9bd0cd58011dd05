/*
 * What every server here answers, to the byte, so that they can be compared and the client can check each response.
 *
 * Used by threads.c and epoll.c; answer.rs is the same thing for the Rust servers. Pure functions on buffers: no system
 * calls, no allocation. GET <path> is answered by "<path> <FNV-1a 64 of path, 16 hex digits>\n", so that a response that
 * went to the wrong connection, came twice, or lost bytes does not match what the client computes for itself.
 */
#ifndef ANSWER_H
#define ANSWER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <string.h>

enum { REQUEST_MAX = 2048, RESPONSE_MAX = REQUEST_MAX + 128 };

/* Length of the first complete request in bytes[0..n), its empty line included; 0 if more bytes are needed. */
static inline size_t request_length(const char *bytes, size_t n)
{
    const char *end = memmem(bytes, n, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

/* Whether the client asked us to close after this request (only this exact spelling is understood). */
static inline int wants_close(const char *request, size_t n)
{
    return memmem(request, n, "\r\nConnection: close\r\n", 21) != NULL;
}

static inline char *put(char *out, const char *text, size_t n)
{
    memcpy(out, text, n);
    return out + n;
}

/* Writes the response to one complete request into out (RESPONSE_MAX bytes). Returns its length. */
static inline size_t answer(const char *request, size_t n, char *out)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ";
    const char *path = memchr(request, ' ', n);
    const char *end = path ? memchr(path + 1, ' ', n - (size_t)(path + 1 - request)) : NULL;
    if (!end) {
        static const char bad[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        return (size_t)(put(out, bad, sizeof bad - 1) - out);
    }
    path++;
    size_t length = (size_t)(end - path);

    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)path[i]) * 0x100000001b3u;

    char digits[8];
    size_t body = length + 18, used = 0;
    for (size_t rest = body; rest; rest /= 10)
        digits[used++] = (char)('0' + rest % 10);

    char *p = put(out, head, sizeof head - 1);
    while (used)
        *p++ = digits[--used];
    p = put(p, "\r\n\r\n", 4);
    p = put(p, path, length);
    *p++ = ' ';
    for (int shift = 60; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[sum >> shift & 15];
    *p++ = '\n';
    return (size_t)(p - out);
}

#endif
