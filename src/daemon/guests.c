/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guestbook. A round asks every channel that needs a process of its own and looks at the others itself;
 * it is over when all have answered or the time is up. What it found stays until the next one is over, for
 * calls that need something else as well.
 */
#include "daemon/guests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "host/footing.h"
#include "host/fs.h"
#include "host/hypervisor.h"
#include "model/guest-reply.h"

#define CONFIG_DIR "etc/xen"

typedef struct Waiting {
    VlCall *call;
    json_object *params;
    VlHandler handler;
} Waiting;

typedef struct Queue {
    Waiting *items;
    size_t n;
} Queue;

/* A channel that a worker is asked about. */
typedef struct Asked {
    DmvGuestbook *book;
    DmvChannelKind kind;
    DmvWorker *worker; /* NULL: it has answered, or nobody was asked */
} Asked;

struct DmvGuestbook {
    DmvManager *m;
    bool serving; /* the calls of a round are being answered: what is known is of now */
    /* what is known */
    bool known;
    DmvHypervisor hypervisor;
    bool concern;
    DmvGuests guests;
    DmvFootings footings;
    /* the round that runs */
    bool running;
    Asked asked[DMV_CHANNEL_MAX];
    DmvGuests coming;
    sd_event_source *timer;
    Queue here; /* who waits for it */
    Queue next; /* who came after it had begun */
};

/* ---- those who wait ---- */

static void waiting_deinit(Waiting *w)
{
    vl_call_set_hooks(w->call, NULL, NULL);
    (void)vl_call_unref(w->call);
    json_object_put(w->params);
    *w = (Waiting){0};
}

static void queue_deinit(Queue *q)
{
    for (size_t i = 0; i < q->n; i++)
        waiting_deinit(&q->items[i]);
    free(q->items);
    *q = (Queue){0};
}

static bool forget_call(Queue *q, VlCall *call)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->items[i].call == call) {
            waiting_deinit(&q->items[i]);
            memmove(&q->items[i], &q->items[i + 1], (q->n - i - 1) * sizeof(*q->items));
            q->n--;
            return true;
        }
    return false;
}

static void on_cancel(VlCall *call, void *userdata)
{
    DmvGuestbook *b = userdata;

    if (!forget_call(&b->here, call))
        (void)forget_call(&b->next, call);
}

static int wait_in(DmvGuestbook *b, Queue *q, VlCall *call, json_object *params, VlHandler handler)
{
    static const VlCallHooks hooks = {.cancel = on_cancel};
    Waiting *w = DMV_ARRAY_ADD(q->items, q->n);

    if (!w)
        return -ENOMEM;
    *w = (Waiting){.call = vl_call_ref(call), .params = json_object_get(params), .handler = handler};
    vl_call_set_hooks(call, &hooks, b);
    return 0;
}

/* The hooks go first: the handler may set its own. */
static void answer(DmvManager *m, Waiting *w)
{
    int r;

    vl_call_set_hooks(w->call, NULL, NULL);
    r = w->handler(w->call, w->params, m);
    if (r < 0) {
        DMV_CLEANUP_ERROR DmvError e = {.code = r};

        (void)dmv_reply_error(w->call, &e);
    }
    (void)vl_call_unref(w->call);
    json_object_put(w->params);
}

/* ---- the end of a round ---- */

static void fail_channel(DmvGuestbook *b, DmvChannelKind kind, const char *why)
{
    dmv_log(LOG_WARNING, "guests by %s: %s", dmv_channel_kind_to_string(kind), why ? why : "");
    if (dmv_guests_set_channel(&b->coming, kind, DMV_CHANNEL_FAILED, why) < 0)
        dmv_log(LOG_ERR, "out of memory");
}

static void stop_asking(DmvGuestbook *b)
{
    for (int k = 0; k < DMV_CHANNEL_MAX; k++)
        b->asked[k].worker = dmv_worker_free(b->asked[k].worker);
    b->timer = sd_event_source_disable_unref(b->timer);
}

/* What came becomes what is known. */
static void take_round(DmvGuestbook *b)
{
    int r;

    dmv_footings_deinit(&b->footings);
    dmv_guests_deinit(&b->guests);
    b->guests = b->coming;
    b->coming = (DmvGuests){0};
    r = dmv_observe_footings(&b->m->roots, &b->guests, &b->guests.problems, &b->footings);
    if (r < 0)
        (void)dmv_problem_add(&b->guests.problems, "footings", r, "what guests stand on is not known: %s",
                              strerror(-r));
    b->known = true;
}

static bool begin_round(DmvGuestbook *b);

/* Everybody who waits is served, and then whoever came meanwhile. */
static void end_round(DmvGuestbook *b)
{
    do {
        Queue served = b->here;

        b->here = b->next;
        b->next = (Queue){0};
        stop_asking(b);
        b->running = false;
        take_round(b);
        b->serving = true;
        for (size_t i = 0; i < served.n; i++)
            answer(b->m, &served.items[i]);
        b->serving = false;
        free(served.items);
    } while (b->here.n > 0 && !begin_round(b));
}

static bool is_over(const DmvGuestbook *b)
{
    for (int k = 0; k < DMV_CHANNEL_MAX; k++)
        if (b->asked[k].worker)
            return false;
    return true;
}

/* ---- a channel ---- */

int dmv_guest_ask(DmvWorker *w, DmvChannelKind kind, uint64_t seconds, DmvWorkerReply cb, void *userdata)
{
    DmvJsonBuilder params = {0};

    dmv_jb_object(&params);
    dmv_jb_string(&params, "channel", dmv_channel_kind_to_string(kind));
    dmv_jb_int(&params, "timeout", (int64_t)seconds);
    dmv_worker_allow(w, seconds * 1000000);
    return dmv_worker_call(w, "Read", dmv_jb_end(&params), -1, false, cb, userdata);
}

static void on_answer(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                      DmvError *e)
{
    Asked *a = userdata;
    DmvGuestbook *b = a->book;
    DMV_CLEANUP(dmv_guests_deinit) DmvGuests told = {0};

    (void)fds;
    (void)n_fds;
    if (continues)
        return;
    if (code == 0)
        code = dmv_guest_reply_read(params, a->kind, &told, e);
    if (code == 0)
        code = dmv_guests_merge(&b->coming, &told);
    if (code != 0)
        fail_channel(b, a->kind, dmv_error_words(e, code));
    a->worker = dmv_worker_free(a->worker);
    if (is_over(b))
        end_round(b);
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
    DmvGuestbook *b = userdata;

    (void)source;
    (void)usec;
    for (int k = 0; k < DMV_CHANNEL_MAX; k++) {
        DMV_CLEANUP_FREE char *why = NULL;

        if (!b->asked[k].worker)
            continue;
        if (asprintf(&why, "it has not answered in %llu seconds",
                     (unsigned long long)b->m->settings.guests_wait) < 0)
            why = NULL;
        fail_channel(b, (DmvChannelKind)k, why);
    }
    end_round(b);
    return 0;
}

static void ask(DmvGuestbook *b, DmvChannelKind kind)
{
    Asked *a = &b->asked[kind];
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_worker_new(b->m, DMV_WORKER_GUEST, &a->worker, &e);

    a->book = b;
    a->kind = kind;
    if (r == 0)
        r = dmv_guest_ask(a->worker, kind, b->m->settings.guests_wait, on_answer, a);
    if (r == 0)
        return;
    a->worker = dmv_worker_free(a->worker);
    fail_channel(b, kind, dmv_error_words(&e, r));
}

/* ---- the beginning of a round ---- */

static bool has_config(const DmvManager *m)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(m->roots.fd, CONFIG_DIR, O_PATH | O_DIRECTORY, 0);

    return fd >= 0;
}

/* The channels that are plain files. Return: 0 or -ENOMEM. */
static int look_at_files(DmvGuestbook *b)
{
    DmvChannel *hypervisor = &b->coming.channels[DMV_CHANNEL_HYPERVISOR];
    int r;

    for (int k = 0; k < DMV_CHANNEL_MAX; k++)
        b->coming.channels[k].kind = (DmvChannelKind)k;
    dmv_hypervisor_deinit(&b->hypervisor);
    r = dmv_observe_hypervisor(&b->m->roots, &b->hypervisor);
    if (r == 0) {
        *hypervisor = b->hypervisor.channel;
        b->hypervisor.channel = (DmvChannel){0};
        r = dmv_observe_xend(&b->m->roots, &b->coming.channels[DMV_CHANNEL_XEND]);
    }
    return r;
}

/* Return: false if the round is over already. */
static bool begin_round(DmvGuestbook *b)
{
    bool config = has_config(b->m);

    if (look_at_files(b) < 0)
        dmv_log(LOG_ERR, "out of memory");
    b->concern = b->hypervisor.control || config;
    if (b->hypervisor.control) {
        ask(b, DMV_CHANNEL_LIBVIRT);
        ask(b, DMV_CHANNEL_XENSTORE);
    }
    if (config)
        ask(b, DMV_CHANNEL_CONFIG);
    if (is_over(b))
        return false;
    b->running = true;
    if (sd_event_add_time_relative(b->m->event, &b->timer, CLOCK_MONOTONIC,
                                   b->m->settings.guests_wait * UINT64_C(1000000), 0, on_late, b) < 0)
        dmv_log(LOG_ERR, "out of memory"); /* the workers have a limit of their own */
    return true;
}

static DmvGuestbook *guestbook(DmvManager *m)
{
    if (!m->guestbook) {
        m->guestbook = calloc(1, sizeof(*m->guestbook));
        if (m->guestbook)
            m->guestbook->m = m;
    }
    return m->guestbook;
}

bool dmv_guests_wait(DmvManager *m, VlCall *call, json_object *params, VlHandler handler)
{
    DmvGuestbook *b = guestbook(m);

    if (!b || b->serving)
        return false;
    if (b->running)
        return wait_in(b, &b->next, call, params, handler) == 0;
    if (!begin_round(b)) {
        take_round(b);
        return false;
    }
    if (wait_in(b, &b->here, call, params, handler) == 0)
        return true;
    dmv_log(LOG_ERR, "out of memory"); /* the answer is made of what was known before */
    return false;
}

DmvGuestbook *dmv_guestbook_free(DmvGuestbook *b)
{
    if (!b)
        return NULL;
    stop_asking(b);
    queue_deinit(&b->here);
    queue_deinit(&b->next);
    dmv_hypervisor_deinit(&b->hypervisor);
    dmv_guests_deinit(&b->coming);
    dmv_guests_deinit(&b->guests);
    dmv_footings_deinit(&b->footings);
    free(b);
    return NULL;
}

/* ---- what is known ---- */

bool dmv_guests_concern(const DmvManager *m)
{
    return m->guestbook && m->guestbook->known && m->guestbook->concern;
}

const DmvGuests *dmv_guests_known(const DmvManager *m)
{
    return m->guestbook && m->guestbook->known ? &m->guestbook->guests : NULL;
}

const DmvFooting *dmv_guests_footing(const DmvManager *m, const char *what)
{
    for (size_t i = 0; m->guestbook && i < m->guestbook->footings.n; i++)
        if (strcmp(m->guestbook->footings.items[i].what, what) == 0)
            return &m->guestbook->footings.items[i];
    return NULL;
}

int dmv_guests_impact(const DmvManager *m, const DmvImpactSubject *s, DmvImpact *ret)
{
    static const DmvGuests nobody = {0};
    static const DmvFootings nothing = {0};
    bool known = m->guestbook && m->guestbook->known;

    return dmv_impact(&m->view, known ? &m->guestbook->guests : &nobody,
                      known ? &m->guestbook->footings : &nothing, s, ret);
}

bool dmv_guests_may_refuse(const DmvManager *m, const DmvConsent *consent)
{
    return !consent->accept_guests && (consent->now || m->settings.guests_policy == DMV_GUEST_POLICY_REFUSE);
}

int dmv_guests_check(const DmvManager *m, const DmvConsent *consent, DmvError *reterr)
{
    DMV_CLEANUP_IMPACT DmvImpact i = {0};
    int r;

    if (!dmv_guests_concern(m) || !dmv_guests_may_refuse(m, consent))
        return 0;
    r = dmv_guests_impact(m, &(DmvImpactSubject){.plan = &m->plan}, &i);
    if (r < 0)
        return r;
    i.unknown = m->guestbook->hypervisor.control && !dmv_guests_know_running(&m->guestbook->guests);
    return dmv_impact_check(&i, (DmvGuestPolicy)m->settings.guests_policy, consent->now, false, reterr);
}

void dmv_guests_add_plan(const DmvManager *m, DmvJsonBuilder *b)
{
    DMV_CLEANUP_IMPACT DmvImpact i = {0};
    DmvJsonBuilder guests = {0};

    if (!dmv_guests_concern(m))
        return;
    if (dmv_guests_impact(m, &(DmvImpactSubject){.plan = &m->plan}, &i) < 0) {
        dmv_jb_value(b, "guests", NULL);
        return;
    }
    dmv_jb_object(&guests);
    dmv_render_impact(&guests, &i);
    dmv_jb_value(b, "guests", dmv_jb_end(&guests));
}

void dmv_guests_add_channels(const DmvManager *m, DmvJsonBuilder *b)
{
    static const DmvGuests nobody = {0};
    const DmvGuests *known = dmv_guests_known(m);

    dmv_jb_string(b, "hypervisor", m->guestbook ? m->guestbook->hypervisor.version : NULL);
    dmv_jb_value(b, "channels", dmv_render_channels(known ? known : &nobody));
}
