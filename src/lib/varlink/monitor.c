/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of subscribed calls.
 *
 * A subscriber that keeps up gets every event. One that does not gets a bounded queue, in which a later event
 * with the same key takes the place of an earlier one; what does not fit is counted, and the count is told
 * once the queue is through, so that the client knows to read the state again. No subscriber can slow down
 * what is published.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "internal.h"

#define QUEUE_EVENTS 256u
#define QUEUE_BYTES ((size_t)256 * 1024)

/* One event as it goes over the wire, shared by all queues that hold it. */
typedef struct Event {
    unsigned refs;
    char *key;
    char *text;
    size_t size;
} Event;

typedef struct Subscriber {
    VlMonitor *monitor;
    struct Subscriber *next, **link;
    VlCall *call;
    Event *queue[QUEUE_EVENTS];
    size_t n_queued, bytes;
    uint64_t dropped;
    bool blocked; /* the output is above the high water mark */
} Subscriber;

struct VlMonitor {
    Subscriber *subscribers;
    unsigned n_subscribers;
};

static Event *event_unref(Event *e)
{
    if (e && --e->refs == 0) {
        free(e->key);
        free(e->text);
        free(e);
    }
    return NULL;
}
DMV_DEFINE_CLEANUP(Event *, cleanup_event, event_unref);

static int event_new(const char *key, json_object *params, Event **ret)
{
    DMV_CLEANUP(cleanup_event) Event *e = calloc(1, sizeof(*e));
    int r;

    if (!e)
        return -ENOMEM;
    e->refs = 1;
    r = dmv_set_string(&e->key, key);
    if (r == 0)
        r = vl_message_format_reply(NULL, params, true, &e->text, &e->size);
    if (r == 0)
        *ret = DMV_TAKE_PTR(e);
    return r;
}

static void subscriber_free(Subscriber *s)
{
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    s->monitor->n_subscribers--;
    for (size_t i = 0; i < s->n_queued; i++)
        event_unref(s->queue[i]);
    vl_call_set_hooks(s->call, NULL, NULL);
    vl_call_unref(s->call);
    free(s);
}

/* Return: 0, or a negative errno; then the connection is about to end and the cancel hook follows. */
static int send_text(Subscriber *s, const char *text, size_t size)
{
    int r = vl_call_notify_text(s->call, text, size);

    if (r > 0)
        s->blocked = true;
    return r < 0 ? r : 0;
}

static int send_overflow(Subscriber *s)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size;
    int r;

    r = dmv_json_add_string(o, "type", "overflow");
    if (r == 0)
        r = dmv_json_add_int(o, "dropped", (int64_t)s->dropped);
    if (r == 0)
        r = vl_message_format_reply(NULL, o, true, &text, &size);
    if (r == 0)
        r = send_text(s, text, size);
    if (r == 0)
        s->dropped = 0;
    return r;
}

static void on_drain(VlCall *c, void *userdata)
{
    Subscriber *s = userdata;
    int r = 0;

    (void)c;
    s->blocked = false;
    while (r == 0 && !s->blocked && s->n_queued > 0) {
        DMV_CLEANUP(cleanup_event) Event *e = s->queue[0];

        s->n_queued--;
        s->bytes -= e->size;
        memmove(&s->queue[0], &s->queue[1], s->n_queued * sizeof(s->queue[0]));
        r = send_text(s, e->text, e->size);
    }
    if (r == 0 && !s->blocked && s->dropped > 0)
        (void)send_overflow(s); /* without memory the count stays and is told the next time */
}

static void on_cancel(VlCall *c, void *userdata)
{
    (void)c;
    subscriber_free(userdata);
}

int vl_monitor_new(VlServer *s, VlMonitor **ret)
{
    VlMonitor *m = s ? calloc(1, sizeof(*m)) : NULL;

    if (!m)
        return s ? -ENOMEM : -EINVAL;
    *ret = m;
    return 0;
}

VlMonitor *vl_monitor_free(VlMonitor *m)
{
    if (!m)
        return NULL;
    while (m->subscribers) {
        (void)vl_call_reply(m->subscribers->call, NULL);
        subscriber_free(m->subscribers);
    }
    free(m);
    return NULL;
}

int vl_monitor_subscribe(VlMonitor *m, VlCall *c, json_object *ready)
{
    static const VlCallHooks hooks = {.drain = on_drain, .cancel = on_cancel};
    DMV_CLEANUP_JSON json_object *first = ready;
    Subscriber *s;
    int r;

    if (!vl_call_wants_more(c))
        return vl_call_error(c, VL_SERVICE ".ExpectedMore", NULL);
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    r = vl_call_notify(c, DMV_TAKE_PTR(first));
    if (r < 0) {
        free(s);
        return r;
    }
    s->monitor = m;
    s->call = vl_call_ref(c);
    s->blocked = r > 0;
    s->next = m->subscribers;
    s->link = &m->subscribers;
    if (s->next)
        s->next->link = &s->next;
    m->subscribers = s;
    m->n_subscribers++;
    vl_call_set_hooks(c, &hooks, s);
    return 0;
}

static void queue_event(Subscriber *s, Event *e)
{
    for (size_t i = 0; e->key && i < s->n_queued; i++)
        if (dmv_streq(s->queue[i]->key, e->key)) {
            s->bytes += e->size - s->queue[i]->size;
            event_unref(s->queue[i]);
            s->queue[i] = e;
            e->refs++;
            return;
        }
    if (s->dropped > 0 || s->n_queued >= QUEUE_EVENTS || s->bytes + e->size > QUEUE_BYTES) {
        s->dropped++;
        return;
    }
    s->queue[s->n_queued++] = e;
    s->bytes += e->size;
    e->refs++;
}

int vl_monitor_publish(VlMonitor *m, const char *coalesce_key, json_object *event)
{
    DMV_CLEANUP(cleanup_event) Event *e = NULL;
    DMV_CLEANUP_JSON json_object *owned = event;
    int r;

    if (!m->subscribers)
        return 0;
    if (m->subscribers->call->connection)
        vl_server_check_answer(m->subscribers->call->connection->server, m->subscribers->call, NULL, owned);
    r = event_new(coalesce_key, owned, &e);
    if (r < 0)
        return r;
    for (Subscriber *s = m->subscribers; s; s = s->next) {
        if (s->blocked)
            queue_event(s, e);
        else
            (void)send_text(s, e->text, e->size); /* failing ends that one connection */
    }
    return 0;
}

unsigned vl_monitor_n_subscribers(const VlMonitor *m)
{
    return m->n_subscribers;
}
