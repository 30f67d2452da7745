/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocking client: one call at a time, with a deadline and a way to give up.
 *
 * The deadline counts from the last sign of life, so that long work with progress never runs into it. After
 * anything that went wrong the connection is closed: nobody could say any more which reply belongs to which
 * call.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "address.h"
#include "base/json.h"
#include "internal.h"

#define MESSAGE_MAX ((size_t)16 * 1024 * 1024)
#define TIMEOUT_USEC (UINT64_C(45) * 1000 * 1000)

struct VlClient {
    VlStream stream;
    uint64_t timeout;
    int cancel_fd;
};

static uint64_t now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int vl_client_new(int fd, VlClient **ret)
{
    VlClient *c = calloc(1, sizeof(*c));
    int r;

    if (!c) {
        dmv_close(fd);
        return -ENOMEM;
    }
    c->timeout = TIMEOUT_USEC;
    c->cancel_fd = -1;
    r = vl_stream_init(&c->stream, fd, MESSAGE_MAX, MESSAGE_MAX);
    if (r < 0) {
        vl_client_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

int vl_client_connect(const char *address, VlClient **ret)
{
    DMV_CLEANUP(vl_address_deinit) VlAddress a = VL_ADDRESS_NULL;
    DMV_CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* a server whose backlog is full would block connect() for ever */
    const struct timeval patience = {.tv_sec = TIMEOUT_USEC / 1000000};
    int r;

    if (fd < 0)
        return -errno;
    r = vl_address_parse(address, &a);
    if (r < 0)
        return r;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
        return -errno;
    if (connect(fd, &a.sockaddr.any, a.size) < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return vl_client_new(DMV_TAKE_FD(fd), ret);
}

VlClient *vl_client_free(VlClient *c)
{
    if (!c)
        return NULL;
    vl_stream_deinit(&c->stream);
    free(c);
    return NULL;
}

void vl_client_set_timeout(VlClient *c, uint64_t usec)
{
    c->timeout = usec;
}

void vl_client_set_cancel_fd(VlClient *c, int fd)
{
    c->cancel_fd = fd;
}

/* Waits until the socket is ready. Return: what poll() says of it, -ETIMEDOUT, -ECANCELED, or another errno.
 */
static int wait_ready(VlClient *c, short events, uint64_t deadline)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = c->stream.fd, .events = events},
                                {.fd = c->cancel_fd, .events = POLLIN}};
        struct timespec left;
        uint64_t t = now();
        int n;

        if (t >= deadline)
            return -ETIMEDOUT;
        left = (struct timespec){.tv_sec = (time_t)((deadline - t) / 1000000),
                                 .tv_nsec = (long)((deadline - t) % 1000000) * 1000};
        n = ppoll(fds, 2, deadline == UINT64_MAX ? NULL : &left, NULL);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && fds[1].revents)
            return -ECANCELED;
        if (n > 0)
            return fds[0].revents;
    }
}

/* Moves bytes in both directions until a whole message is there; with @only_write until all is written. */
static int exchange(VlClient *c, bool only_write)
{
    uint64_t deadline = c->timeout == 0 ? UINT64_MAX : now() + c->timeout;
    int r;

    for (;;) {
        bool writing = vl_stream_queued(&c->stream) > 0;

        if (only_write ? !writing : vl_stream_has_frame(&c->stream))
            return 0;
        r = wait_ready(c, (short)((writing ? POLLOUT : 0) | (only_write ? 0 : POLLIN)), deadline);
        if (r < 0)
            return r;
        if (writing) {
            r = vl_stream_flush(&c->stream);
            /* a server may answer and close before it has read everything */
            if (r < 0 && only_write)
                return r;
        }
        if (only_write)
            continue;
        r = vl_stream_read(&c->stream);
        if (r == 0)
            return -ECONNRESET;
        if (r < 0 && r != -EAGAIN)
            return r;
    }
}

/* One reply. Return: 1 if more follow, 0 if it was the last, or a negative errno. */
static int receive(VlClient *c, bool more, VlClientReply cb, void *userdata)
{
    DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};
    VlFrame frame;
    int r;

    r = exchange(c, false);
    if (r == 0)
        r = vl_stream_next(&c->stream, &frame);
    if (r < 0)
        return r;
    r = vl_message_parse_reply(frame.data, frame.size, &m);
    vl_stream_pop(&c->stream);
    if (r < 0)
        return r;
    if (m.continues && !more)
        return -EBADMSG;
    if (cb)
        r = cb(m.error, m.parameters, m.continues, userdata);
    return r < 0 ? r : m.continues;
}

static int call(VlClient *c, const char *method, json_object *params, const int *fds, unsigned n_fds,
                unsigned flags, VlClientReply cb, void *userdata)
{
    DMV_CLEANUP_FREE char *text = NULL;
    unsigned header = flags & VL_CALL_ONEWAY ? VL_FLAG_ONEWAY : 0;
    size_t size;
    int r;

    if (flags & VL_CALL_MORE)
        header |= VL_FLAG_MORE;
    r = vl_message_format_call(method, params, header, &text, &size);
    if (r == 0)
        r = vl_stream_queue(&c->stream, text, size, fds, n_fds);
    if (r < 0)
        return r;
    if (flags & VL_CALL_ONEWAY)
        return exchange(c, true);
    do
        r = receive(c, flags & VL_CALL_MORE, cb, userdata);
    while (r > 0);
    return r;
}

int vl_client_call(VlClient *c, const char *method, json_object *params, const int *fds, unsigned n_fds,
                   unsigned flags, VlClientReply cb, void *userdata)
{
    DMV_CLEANUP_JSON json_object *owned = params;
    int r;

    if (c->stream.fd < 0)
        return -ENOTCONN;
    r = call(c, method, owned, fds, n_fds, flags, cb, userdata);
    if (r < 0)
        vl_stream_deinit(&c->stream);
    return r;
}
