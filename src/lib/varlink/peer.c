/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asynchronous client on an event loop.
 *
 * The daemon talks to its workers with it. Whatever goes wrong with a worker, every call that was made comes
 * to an end by its callback, exactly once: with the final reply, an error, or "" when the connection is gone.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/json.h"
#include "internal.h"

#define REPLIES_PER_TURN 64
#define MAX_REPLY_DEFAULT ((size_t)16 * 1024 * 1024)
#define MAX_OUTPUT ((size_t)16 * 1024 * 1024)

typedef struct Pending {
    struct Pending *next;
    VlPeerReply cb;
    void *userdata;
    bool more;
} Pending;

struct VlPeer {
    unsigned refs; /* the owner's, and one while callbacks run */
    VlStream stream;
    sd_event_source *io, *defer;
    Pending *first, **last;
    bool over;
};

static void peer_unref(VlPeer *p)
{
    if (--p->refs > 0)
        return;
    vl_stream_deinit(&p->stream);
    free(p);
}

static void pop_pending(VlPeer *p)
{
    Pending *call = p->first;

    p->first = call->next;
    if (!p->first)
        p->last = &p->first;
    free(call);
}

/* Ends the connection and every call. The caller holds a reference. */
static void end(VlPeer *p)
{
    if (p->over)
        return;
    p->over = true;
    p->io = sd_event_source_disable_unref(p->io);
    p->defer = sd_event_source_disable_unref(p->defer);
    while (p->first) {
        Pending call = *p->first;

        pop_pending(p);
        call.cb(p, "", NULL, NULL, 0, false, call.userdata);
    }
}

VlPeer *vl_peer_free(VlPeer *p)
{
    if (!p)
        return NULL;
    end(p);
    peer_unref(p);
    return NULL;
}

bool vl_peer_is_there(const VlPeer *p)
{
    struct pollfd x = {.fd = p->stream.fd, .events = POLLRDHUP};

    return !p->over && (poll(&x, 1, 0) <= 0 || !(x.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

/* Hands one reply over. Return: 0, or -EBADMSG if it is none or nobody asked for it. */
static int deliver(VlPeer *p, const char *data, size_t size, VlFds *fds)
{
    DMV_CLEANUP(vl_message_deinit) VlMessage m = {0};
    Pending call;
    int r;

    r = vl_message_parse_reply(data, size, &m);
    vl_stream_pop(&p->stream);
    if (r < 0)
        return r;
    if (!p->first || (m.continues && !p->first->more))
        return -EBADMSG;
    call = *p->first;
    if (!m.continues)
        pop_pending(p);
    call.cb(p, m.error, m.parameters, fds->fd, fds->n, m.continues, call.userdata);
    return 0;
}

static int deliver_next(VlPeer *p)
{
    DMV_CLEANUP(vl_fds_close) VlFds fds = {0};
    VlFrame frame;
    int r;

    r = vl_stream_next(&p->stream, &frame);
    if (r <= 0)
        return r;
    fds = frame.fds;
    r = deliver(p, frame.data, frame.size, &fds);
    return r < 0 ? r : 1;
}

static int watch(VlPeer *p)
{
    return sd_event_source_set_io_events(
        p->io, EPOLLIN | (vl_stream_queued(&p->stream) > 0 ? (uint32_t)EPOLLOUT : 0));
}

static void pump(VlPeer *p)
{
    int r = 1;

    p->refs++;
    for (unsigned n = 0; n < REPLIES_PER_TURN && r > 0 && !p->over; n++)
        r = deliver_next(p);
    if (!p->over && (r < 0 || (p->stream.eof && !vl_stream_has_frame(&p->stream))))
        end(p);
    if (!p->over && (vl_stream_flush(&p->stream) < 0 || watch(p) < 0))
        end(p); /* no hangup need follow, and nobody would answer what was not sent */
    if (!p->over && vl_stream_has_frame(&p->stream))
        (void)sd_event_source_set_enabled(p->defer, SD_EVENT_ONESHOT);
    peer_unref(p);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    VlPeer *p = userdata;
    int r = 0;

    (void)source;
    (void)fd;
    if ((events & ~(uint32_t)EPOLLOUT) && !vl_stream_has_frame(&p->stream))
        r = vl_stream_read(&p->stream);
    if (r < 0 && r != -EAGAIN) {
        p->refs++;
        end(p);
        peer_unref(p);
        return 0;
    }
    pump(p);
    return 0;
}

static int on_defer(sd_event_source *source, void *userdata)
{
    (void)source;
    pump(userdata);
    return 0;
}

int vl_peer_new(sd_event *event, int fd, size_t max_reply, VlPeer **ret)
{
    VlPeer *p = calloc(1, sizeof(*p));
    int r;

    if (!p) {
        dmv_close(fd);
        return -ENOMEM;
    }
    p->refs = 1;
    p->last = &p->first;
    r = vl_stream_init(&p->stream, fd, max_reply ? max_reply : MAX_REPLY_DEFAULT, MAX_OUTPUT);
    p->stream.accept_fds = true;
    if (r == 0)
        r = sd_event_add_io(event, &p->io, fd, EPOLLIN, on_io, p);
    if (r >= 0)
        r = sd_event_add_defer(event, &p->defer, on_defer, p);
    if (r >= 0)
        r = sd_event_source_set_enabled(p->defer, SD_EVENT_OFF);
    if (r < 0) {
        vl_peer_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

int vl_peer_call(VlPeer *p, const char *method, json_object *params, const int *fds, unsigned n_fds,
                 bool more, VlPeerReply cb, void *userdata)
{
    DMV_CLEANUP_JSON json_object *owned = params;
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_FREE Pending *call = NULL;
    size_t size;
    int r;

    if (p->over || p->stream.broken)
        return -ENOTCONN;
    call = calloc(1, sizeof(*call));
    if (!call)
        return -ENOMEM;
    r = vl_message_format_call(method, owned, more ? VL_FLAG_MORE : 0, &text, &size);
    if (r == 0)
        r = vl_stream_queue(&p->stream, text, size, fds, n_fds);
    if (r < 0)
        return r;
    *call = (Pending){.cb = cb, .userdata = userdata, .more = more};
    *p->last = call;
    p->last = &call->next;
    call = NULL;
    (void)sd_event_source_set_enabled(p->defer, SD_EVENT_ONESHOT);
    return 0;
}
