/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests before a reboot and after it: one after the other they are shut down or saved, in the order of
 * model/guest-stop.h, and those that were saved come back in the reverse order. A guest worker does it.
 *
 * What is being saved is on the disk before the guest is touched: after a loss of power in the middle of it
 * the guest is tried to be brought back, and if nothing was saved libvirt says so. A guest that does not stop
 * in time is left to what else happens at a shutdown; nothing here ends one by force.
 */
#include "daemon/job-guests.h"

#include <errno.h>
#include <string.h>

#include "daemon/guests.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "host/fs.h"
#include "model/guest-reply.h"
#include "model/guest-stop.h"
#include "model/render.h"

#define MEMORY_FILE DMV_STATE_DIR "/guests.json"

/* Seconds that a channel has to tell who runs: as many as wait= can be, since at a shutdown nobody asks
 * again. */
#define ASK_SECONDS 60

/* Who runs by these two; libvirt stops them. */
static const DmvChannelKind asked[] = {DMV_CHANNEL_LIBVIRT, DMV_CHANNEL_XENSTORE};

typedef struct GuestJob {
    DmvWorker *worker;    /* NULL: there is none yet, or the one before was given up */
    DmvGuests guests;     /* as they are told */
    DmvProblems problems; /* what is not known of them */
    size_t n_asked;       /* how many channels have been */
    bool save;            /* those that can be saved */
    DmvGuestStops stops;
    size_t n_done; /* how many of them are behind us */
    bool restores;
} GuestJob;

static void free_guest_job(void *data)
{
    GuestJob *x = data;

    (void)dmv_worker_free(x->worker);
    dmv_guests_deinit(&x->guests);
    dmv_problems_deinit(&x->problems);
    dmv_guest_stops_deinit(&x->stops);
    free(x);
}

/* What is saved last is brought back first. */
static DmvGuestStop *current(const GuestJob *x)
{
    return &x->stops.items[x->restores ? x->stops.n - 1 - x->n_done : x->n_done];
}

/* ---- the memory ---- */

static int store(const DmvManager *m, const DmvGuestStops *s)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = dmv_guest_stops_to_json(s, &o);

    if (r == 0 && !o)
        return dmv_fs_remove(m->roots.fd, MEMORY_FILE);
    if (r == 0)
        r = dmv_json_format(o, &text, &size);
    if (r == 0)
        r = dmv_fs_mkdirs(m->roots.fd, DMV_STATE_DIR, 0700);
    return r == 0 ? dmv_fs_replace_file(m->roots.fd, MEMORY_FILE, text, size, 0600) : r;
}

static int load(const DmvManager *m, DmvGuestStops *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = dmv_fs_read_private(m->roots.fd, MEMORY_FILE, DMV_GUEST_STOPS_MAX_BYTES, &data, &size);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "%s: %s", MEMORY_FILE,
                             dmv_fs_private_words(r));
    r = dmv_guest_stops_parse(data, size, ret, reterr);
    return r > 0 ? dmv_error_set(reterr, DMV_STATE_BROKEN, NULL, NULL, "%s: %s", MEMORY_FILE,
                                 dmv_error_words(reterr, r))
                 : r;
}

/* ---- the end ---- */

static void say(const GuestJob *x)
{
    for (size_t i = 0; i < x->stops.n; i++) {
        const DmvGuestStop *s = &x->stops.items[i];

        if (s->why)
            dmv_log(LOG_WARNING, "guest %s %s: %s", s->name, dmv_guest_fate_to_string(s->fate), s->why);
        else
            dmv_log(LOG_NOTICE, "guest %s %s", s->name, dmv_guest_fate_to_string(s->fate));
    }
}

static void finish(DmvJob *j)
{
    const GuestJob *x = j->data;
    DmvJsonBuilder b = {0};

    say(x);
    dmv_jb_object(&b);
    dmv_render_guest_stops(&b, &x->stops);
    if (x->problems.n > 0)
        dmv_jb_value(&b, "problems", dmv_render_problems(&x->problems));
    dmv_job_finish(j, NULL, dmv_jb_end(&b), -1);
}

static void finish_badly(DmvJob *j, int code, DmvError *e)
{
    e->code = code;
    dmv_job_finish(j, e, NULL, -1);
}

/* ---- one guest ---- */

/* What came of the current guest. */
static void settle(DmvJob *j, DmvGuestFate fate, const char *why)
{
    GuestJob *x = j->data;
    DmvGuestStop *s = current(x);
    int r;

    s->fate = fate;
    if (dmv_set_string(&s->why, why) < 0)
        dmv_log(LOG_ERR, "out of memory");
    r = store(j->m, &x->stops);
    if (r < 0)
        dmv_log(LOG_ERR, "what became of guest %s is not stored: %s", s->name, strerror(-r));
    x->n_done++;
}

/* A worker that went away may have begun: what was being saved may be saved. */
static DmvGuestFate fate_of_failure(const GuestJob *x, int code)
{
    const DmvGuestStop *s = current(x);

    if (x->restores)
        return code == DMV_NOTHING_SAVED || code == DMV_NO_SUCH_OBJECT ? DMV_GUEST_LOST : s->fate;
    return s->save && code == DMV_WORKER_FAILED ? DMV_GUEST_SAVING : DMV_GUEST_RUNS;
}

/* What somebody else has started he has to stop; in libvirt's words it is just not there. */
static void settle_unknown(DmvJob *j)
{
    const GuestJob *x = j->data;
    DMV_CLEANUP_FREE char *why = NULL;

    if (asprintf(
            &why,
            "libvirt does not know it, because something else has started it and has to stop it: xl shutdown "
            "%s, if that was xl",
            current(x)->name) < 0)
        why = NULL;
    settle(j, DMV_GUEST_RUNS, why);
}

/* A guest that does not shut down goes on running. */
static void settle_stopped(DmvJob *j, bool has_stopped)
{
    const GuestJob *x = j->data;
    DMV_CLEANUP_FREE char *why = NULL;

    if (has_stopped) {
        settle(j, current(x)->save ? DMV_GUEST_SAVED : DMV_GUEST_STOPPED, NULL);
        return;
    }
    if (asprintf(&why, "it has not shut down in %llu seconds",
                 (unsigned long long)j->m->settings.guests_timeout) < 0)
        why = NULL;
    settle(j, DMV_GUEST_RUNS, why);
}

static void go_on(DmvJob *j);

static void on_reply(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                     DmvError *e)
{
    DmvJob *j = userdata;
    GuestJob *x = j->data;
    int64_t waited = 0;
    bool has_stopped = false;
    const DmvJsonField fields[] = {{"waited", DMV_JSON_INT, 0, &waited},
                                   {"stopped", DMV_JSON_BOOL, 0, &has_stopped}};

    (void)fds;
    (void)n_fds;
    if (code == 0)
        code = dmv_worker_read(params, fields, DMV_N_ELEMENTS(fields), e);
    if (code == 0 && continues) {
        dmv_job_progress(j, NULL, waited, (int64_t)j->m->settings.guests_timeout);
        return;
    }
    if (code == 0 && x->restores)
        settle(j, DMV_GUEST_RESTORED, NULL);
    else if (code == 0)
        settle_stopped(j, has_stopped);
    else if (code == DMV_NO_SUCH_OBJECT && !x->restores)
        settle_unknown(j);
    else {
        if (code == DMV_WORKER_FAILED)
            x->worker = dmv_worker_free(x->worker);
        settle(j, fate_of_failure(x, code), dmv_error_words(e, code));
    }
    go_on(j);
}

static int call_worker(DmvJob *j, const DmvGuestStop *s, DmvError *e)
{
    GuestJob *x = j->data;
    DmvJsonBuilder b = {0};
    uint64_t seconds = j->m->settings.guests_timeout;
    int r = x->worker ? 0 : dmv_worker_new(j->m, DMV_WORKER_GUEST, &x->worker, e);

    if (r != 0)
        return r;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "guest", dmv_guest_stop_key(s));
    if (!x->restores) {
        dmv_jb_bool(&b, "save", s->save);
        dmv_jb_int(&b, "timeout", (int64_t)seconds);
    }
    dmv_worker_allow(x->worker, s->save ? seconds * 1000000 : 0);
    return dmv_worker_call(x->worker, x->restores ? "Restore" : "Stop", dmv_jb_end(&b), -1, !x->restores,
                           on_reply, j);
}

/* Begins with the current guest. Return: 0, or why it was not begun. */
static int begin_guest(DmvJob *j, DmvError *e)
{
    GuestJob *x = j->data;
    DmvGuestStop *s = current(x);
    int r = 0;

    if (dmv_set_string(&j->object, s->name) < 0)
        return -ENOMEM;
    dmv_job_progress(j, x->restores ? "restore" : s->save ? "save" : "shutdown", 0, -1);
    if (!x->restores && s->save) {
        s->fate = DMV_GUEST_SAVING;
        r = store(j->m, &x->stops);
    }
    return r < 0 ? dmv_error_set(e, r, NULL, NULL, "that it is saved cannot be stored: %s", strerror(-r))
                 : call_worker(j, s, e);
}

/* One that was kept from an earlier shutdown, has nothing to wait for. */
static bool is_settled(const GuestJob *x)
{
    return !x->restores && current(x)->fate != DMV_GUEST_RUNS;
}

/* Until one has begun, or all are done. */
static void go_on(DmvJob *j)
{
    GuestJob *x = j->data;

    while (x->n_done < x->stops.n) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r;

        if (is_settled(x)) {
            x->n_done++;
            continue;
        }
        r = begin_guest(j, &e);
        if (r == 0)
            return;
        settle(j, x->restores ? current(x)->fate : DMV_GUEST_RUNS, dmv_error_words(&e, r));
    }
    finish(j);
}

/* ---- who runs ---- */

/* Those of an earlier shutdown that were not brought back stay remembered, unless they run again. */
static int plan_stops(DmvJob *j, DmvError *e)
{
    GuestJob *x = j->data;
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops earlier = {0};
    int r = dmv_guest_stops_plan(&x->guests, x->save, &x->stops);

    if (r == 0)
        r = load(j->m, &earlier, e);
    return r == 0 ? dmv_guest_stops_keep(&x->stops, &earlier) : r;
}

static int refuse_unknown(const GuestJob *x, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    for (size_t i = 0; i < DMV_N_ELEMENTS(asked); i++) {
        const DmvChannel *c = &x->guests.channels[asked[i]];

        dmv_text_appendf(&t, "%s%s: %s", i > 0 ? "; " : "", dmv_channel_kind_to_string(asked[i]),
                         c->why ? c->why : dmv_channel_state_to_string(c->state));
    }
    return dmv_error_set(reterr, DMV_GUESTS_UNKNOWN, NULL,
                         "xl list shows who runs, and xl shutdown NAME stops one",
                         "no guest was stopped, because nobody tells who runs: %s", t.data ? t.data : "");
}

static void begin_stops(DmvJob *j)
{
    GuestJob *x = j->data;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_guests_know_running(&x->guests) ? plan_stops(j, &e) : refuse_unknown(x, &e);

    if (r != 0) {
        finish_badly(j, r, &e);
        return;
    }
    dmv_guests_collect_problems(&x->guests, &x->problems);
    go_on(j);
}

static void fail_channel(GuestJob *x, DmvChannelKind kind, const char *why)
{
    dmv_log(LOG_WARNING, "guests by %s are not known: %s", dmv_channel_kind_to_string(kind), why);
    if (dmv_guests_set_channel(&x->guests, kind, DMV_CHANNEL_FAILED, why) < 0)
        dmv_log(LOG_ERR, "out of memory");
}

static void ask_next(DmvJob *j);

/* A channel that does not answer leaves what the other one tells. */
static void on_told(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                    DmvError *e)
{
    DmvJob *j = userdata;
    GuestJob *x = j->data;
    DMV_CLEANUP_GUESTS DmvGuests told = {0};
    DmvChannelKind kind = asked[x->n_asked];

    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code == 0)
        code = dmv_guest_reply_read(params, kind, &told, e);
    if (code == 0 && told.channels[kind].state == DMV_CHANNEL_FAILED)
        code = dmv_error_set(e, DMV_WORKER_FAILED, NULL, NULL, "%s",
                             told.channels[kind].why ? told.channels[kind].why : "it gave nothing");
    if (code == 0)
        code = dmv_guests_merge(&x->guests, &told);
    if (code != 0)
        fail_channel(x, kind, dmv_error_words(e, code));
    x->worker = dmv_worker_free(x->worker);
    x->n_asked++;
    ask_next(j);
}

static int ask(DmvJob *j, DmvChannelKind kind, DmvError *e)
{
    GuestJob *x = j->data;
    int r = dmv_worker_new(j->m, DMV_WORKER_GUEST, &x->worker, e);

    return r == 0 ? dmv_guest_ask(x->worker, kind, ASK_SECONDS, on_told, j) : r;
}

static void ask_next(DmvJob *j)
{
    GuestJob *x = j->data;

    for (; x->n_asked < DMV_N_ELEMENTS(asked); x->n_asked++) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        int r = ask(j, asked[x->n_asked], &e);

        if (r == 0)
            return;
        x->worker = dmv_worker_free(x->worker);
        fail_channel(x, asked[x->n_asked], dmv_error_words(&e, r));
    }
    begin_stops(j);
}

/* ---- the jobs ---- */

static int new_job(DmvManager *m, VlCall *call, const char *action, DmvJob **ret, DmvError *reterr)
{
    DmvJob *j;
    int r = dmv_job_new(m, call, action, NULL, &j, reterr);

    if (r != 0)
        return r;
    j->data = calloc(1, sizeof(GuestJob));
    if (!j->data) {
        (void)dmv_job_free(j);
        return -ENOMEM;
    }
    j->free_data = free_guest_job;
    *ret = j;
    return 0;
}

int dmv_job_stop_guests(DmvManager *m, VlCall *call, bool save, DmvError *reterr)
{
    DmvJob *j = NULL;
    int r = new_job(m, call, "stop-guests", &j, reterr);

    if (r != 0)
        return r;
    ((GuestJob *)j->data)->save = save;
    dmv_job_progress(j, "ask", 0, -1);
    ask_next(j);
    return 0;
}

int dmv_job_restore_guests(DmvManager *m, VlCall *call, DmvError *reterr)
{
    DMV_CLEANUP_GUEST_STOPS DmvGuestStops stops = {0};
    GuestJob *x;
    DmvJob *j = NULL;
    int r = load(m, &stops, reterr);

    if (r == 0)
        r = new_job(m, call, "restore-guests", &j, reterr);
    if (r != 0)
        return r;
    x = j->data;
    x->restores = true;
    x->stops = stops;
    stops = (DmvGuestStops){0};
    go_on(j);
    return 0;
}
