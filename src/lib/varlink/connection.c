/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client of a server: when to read, when to begin a call, when to write, when to end.
 *
 * One call at a time: while it runs nothing is read, and that alone keeps a client from piling up work.
 * Output has a high water mark for producers and a cap for everybody. All work is done in the pump, which the
 * loop runs for events on the socket and, through a defer source, for everything that happened outside of it;
 * so a flush that empties the output anywhere is always followed by a look at who waits for that.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "internal.h"

/* Timers need not be exact. */
#define ACCURACY_USEC UINT64_C(100000)

static uint64_t now(VlConnection *c)
{
    uint64_t t = 0;

    (void)sd_event_now(c->server->event, CLOCK_MONOTONIC, &t);
    return t;
}

void vl_connection_wake(VlConnection *c)
{
    if (!c->pumping)
        (void)sd_event_source_set_enabled(c->defer, SD_EVENT_ONESHOT);
}

void vl_connection_kill(VlConnection *c)
{
    c->dead = true;
    vl_connection_wake(c);
}

/* Nobody is there to hear the answer. A oneway call was never going to be answered, so it goes on. */
static void cancel_unheard(VlConnection *c)
{
    if (!c->call || c->call->message.oneway)
        return;
    vl_call_cancel(c->call);
    c->dead = true;
}

static bool may_begin_call(VlConnection *c)
{
    return !c->dead && !c->closing && !c->call && vl_stream_queued(&c->stream) < VL_HIGH_WATER &&
           vl_stream_has_frame(&c->stream);
}

/* Begins the next call. A message that breaks the rules ends the connection without an answer. */
static void begin_call(VlConnection *c)
{
    VlMessage message = {0};
    VlFrame frame;
    VlCall *call;
    int r;

    r = vl_stream_next(&c->stream, &frame);
    if (r > 0) {
        r = vl_message_parse_call(frame.data, frame.size, &message);
        vl_stream_pop(&c->stream);
        if (r < 0)
            vl_fds_close(&frame.fds);
    }
    if (r < 0) {
        c->closing = true;
        return;
    }
    call = vl_call_new(c, &message, &frame.fds);
    if (!call) {
        c->closing = true;
        return;
    }
    vl_server_dispatch(c->server, call);
    vl_call_unref(call);
}

static void flush(VlConnection *c)
{
    int n;

    if (vl_stream_queued(&c->stream) == 0)
        return;
    n = vl_stream_flush(&c->stream);
    if (n < 0) {
        cancel_unheard(c);
        c->closing = true; /* what was lost is waited for: the client has to see an end */
    }
    if (n != 0 || vl_stream_queued(&c->stream) == 0)
        c->blocked_since = 0;
}

static void tell_drained(VlConnection *c)
{
    VlCall *call = c->call;

    if (c->dead || !call || !call->drain_wanted || vl_stream_queued(&c->stream) >= VL_HIGH_WATER / 2)
        return;
    call->drain_wanted = false;
    if (!call->hooks.drain)
        return;
    vl_call_ref(call);
    call->hooks.drain(call, call->userdata);
    vl_call_unref(call);
}

static bool is_over(VlConnection *c)
{
    if (c->dead)
        return true;
    if (c->call || vl_stream_queued(&c->stream) > 0)
        return false;
    if (c->closing)
        return true;
    return (c->stream.eof || c->server->stopping) && !vl_stream_has_frame(&c->stream);
}

/* Arms the timer for the earliest thing that may run out. It is left alone when nothing does any more, and
 * finds out itself; so a connection that is answered at once never touches it. */
static void arm_timer(VlConnection *c)
{
    const VlConfig *config = &c->server->config;
    uint64_t deadline = UINT64_MAX, armed = UINT64_MAX;
    int enabled = SD_EVENT_OFF;

    if (c->call || !vl_stream_has_partial(&c->stream))
        c->partial_since = 0;
    else if (c->partial_since == 0)
        c->partial_since = now(c);
    if (vl_stream_queued(&c->stream) > 0 && c->blocked_since == 0)
        c->blocked_since = now(c);
    if (c->partial_since > 0)
        deadline = c->partial_since + config->frame_timeout_usec;
    if (c->blocked_since > 0 && c->blocked_since + config->write_timeout_usec < deadline)
        deadline = c->blocked_since + config->write_timeout_usec;
    if (deadline == UINT64_MAX)
        return;
    (void)sd_event_source_get_enabled(c->timer, &enabled);
    (void)sd_event_source_get_time(c->timer, &armed);
    if (enabled == SD_EVENT_OFF || deadline < armed) {
        (void)sd_event_source_set_time(c->timer, deadline);
        (void)sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
    }
}

/* What the socket is watched for. A hangup cannot be masked, so it switches the watch off while a oneway call
 * runs. */
static void update_watch(VlConnection *c)
{
    uint32_t events = 0;

    if (!c->call && !c->closing && !c->stream.eof && vl_stream_queued(&c->stream) < VL_HIGH_WATER &&
        !vl_stream_has_frame(&c->stream))
        events |= EPOLLIN;
    if (vl_stream_queued(&c->stream) > 0)
        events |= EPOLLOUT;
    if (sd_event_source_set_io_events(c->io, events) < 0 ||
        sd_event_source_set_enabled(c->io, c->hangup && c->call ? SD_EVENT_OFF : SD_EVENT_ON) < 0)
        vl_connection_kill(c); /* nothing would wake it any more */
}

static void pump(VlConnection *c)
{
    c->pumping = true;
    for (unsigned n = 0; n < VL_CALLS_PER_TURN && may_begin_call(c); n++)
        begin_call(c);
    flush(c);
    tell_drained(c);
    if (c->hangup)
        cancel_unheard(c);
    c->pumping = false;
    if (is_over(c)) {
        vl_connection_free(c);
        return;
    }
    arm_timer(c);
    update_watch(c);
    if (may_begin_call(c))
        vl_connection_wake(c);
}

static void read_input(VlConnection *c)
{
    int r = vl_stream_read(&c->stream);

    if (r == -EMSGSIZE || r == -EBADMSG)
        c->closing = true;
    else if (r < 0 && r != -EAGAIN)
        c->dead = true;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    VlConnection *c = userdata;

    (void)source;
    (void)fd;
    if (events & (EPOLLHUP | EPOLLERR)) {
        c->hangup = true;
        cancel_unheard(c);
    }
    if (!c->dead && !c->call && !c->closing && !c->stream.eof && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) &&
        !vl_stream_has_frame(&c->stream))
        read_input(c);
    pump(c);
    return 0;
}

static int on_defer(sd_event_source *source, void *userdata)
{
    (void)source;
    pump(userdata);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    VlConnection *c = userdata;
    const VlConfig *config = &c->server->config;
    uint64_t t = now(c);

    (void)source;
    (void)usec;
    if ((c->partial_since > 0 && t >= c->partial_since + config->frame_timeout_usec) ||
        (c->blocked_since > 0 && t >= c->blocked_since + config->write_timeout_usec)) {
        cancel_unheard(c);
        c->dead = true;
    }
    pump(c);
    return 0;
}

/* One connection in eight is kept for root, so that the others together cannot lock the administrator out. */
static bool is_too_many(VlServer *s, const VlPeerInfo *peer)
{
    unsigned same = 0, others = 0;

    if (s->n_connections >= s->config.max_connections)
        return true;
    if (peer->known && peer->uid == 0)
        return false;
    for (VlConnection *c = s->connections; c; c = c->next) {
        same += c->peer.uid == peer->uid;
        others += c->peer.uid != 0;
    }
    return same >= s->config.max_connections_per_uid ||
           others >= s->config.max_connections - s->config.max_connections / 8;
}

static int add_sources(VlConnection *c)
{
    sd_event *event = c->server->event;
    int r;

    r = sd_event_add_io(event, &c->io, c->stream.fd, EPOLLIN, on_io, c);
    if (r >= 0)
        r = sd_event_add_defer(event, &c->defer, on_defer, c);
    if (r >= 0)
        r = sd_event_source_set_enabled(c->defer, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time(event, &c->timer, CLOCK_MONOTONIC, UINT64_MAX, ACCURACY_USEC, on_timer, c);
    if (r >= 0)
        r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

int vl_connection_new(VlServer *s, int fd)
{
    VlPeerInfo peer = vl_peer_ask(fd);
    VlConnection *c;
    int r;

    if (is_too_many(s, &peer)) {
        dmv_close(fd);
        return -EUSERS;
    }
    c = calloc(1, sizeof(*c));
    if (!c) {
        dmv_close(fd);
        return -ENOMEM;
    }
    c->server = s;
    c->peer = peer;
    c->process = s->authorizer && !vl_peer_is_privileged(&peer) ? vl_peer_ask_process(fd) : -1;
    c->next = s->connections;
    c->link = &s->connections;
    if (c->next)
        c->next->link = &c->next;
    s->connections = c;
    s->n_connections++;
    r = vl_stream_init(&c->stream, fd, s->config.max_request, s->config.max_output);
    c->stream.accept_fds = s->config.accept_fds && vl_peer_is_privileged(&c->peer);
    if (r == 0)
        r = add_sources(c);
    if (r < 0)
        vl_connection_free(c);
    vl_server_connections_changed(s);
    return r;
}

VlConnection *vl_connection_free(VlConnection *c)
{
    VlServer *s;

    if (!c)
        return NULL;
    s = c->server;
    if (c->call)
        vl_call_cancel(c->call);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    s->n_connections--;
    sd_event_source_disable_unref(c->io);
    sd_event_source_disable_unref(c->defer);
    sd_event_source_disable_unref(c->timer);
    vl_stream_deinit(&c->stream);
    c->process = dmv_close(c->process);
    free(c);
    vl_server_connections_changed(s);
    return NULL;
}
