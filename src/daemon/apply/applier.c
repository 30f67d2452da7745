/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The applier: io.dmv.Apply on one connection.
 *
 * Each call runs to its end before the next one is read: there is nothing that could be done meanwhile, and a
 * change that is half done must not be looked at. The lock is taken with the first call and kept until the
 * process ends.
 */
#include "daemon/apply/applier.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/jsonbuild.h"
#include "config.h"
#include "daemon/apply/forecast.h"
#include "daemon/apply/inspect.h"
#include "daemon/apply/lock.h"
#include "daemon/apply/publish.h"
#include "daemon/apply/request.h"
#include "daemon/apply/transaction.h"
#include "daemon/apply/trial.h"
#include "dmv/interface.h"
#include "varlink/varlink.h"

#define INTERFACE DMV_APPLY_INTERFACE

/* A plan of 20,000 steps, with progress for each of them. */
#define REQUEST_MAX ((size_t)64 * 1024 * 1024)
#define OUTPUT_MAX ((size_t)16 * 1024 * 1024)

/* The worker before this one may still be undoing. */
#define LOCK_WAIT_USEC 3000000

/* A transaction on its way, and who waits for it. */
typedef struct Change {
    VlCall *call;
    DmvApplyRequest request; /* its steps are borrowed by the transaction */
    DmvTransactionOptions options;
    struct utsname kernel; /* that runs; the options may point to it */
    DmvTransaction *transaction;
    sd_event_source *source;
} Change;

struct DmvApplier {
    sd_event *event;
    const DmvRoots *roots;
    VlServer *server;
    int lock;                  /* held, or -1 */
    bool unconfirmed;          /* this process has changed something */
    Change *change;            /* or NULL */
    DmvInspecting *inspecting; /* or NULL */
};

/* ---- answers ---- */

static int refuse(VlCall *call, int code, const DmvError *e)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "reason", dmv_outcome_reason(code));
    dmv_jb_string(&b, "what", e->what);
    dmv_jb_string(&b, "why", e->why ? e->why : code < 0 ? strerror(-code) : NULL);
    dmv_jb_string(&b, "next", e->next);
    return vl_call_error(call, INTERFACE ".Refused", dmv_jb_end(&b));
}

static int answer(VlCall *call, int code, const DmvError *e, DmvJsonBuilder *b)
{
    json_object *params;

    if (code != 0)
        return refuse(call, code, e);
    params = dmv_jb_end(b);
    return params ? vl_call_reply(call, params) : -ENOMEM;
}

static int take_lock(DmvApplier *w, DmvError *reterr)
{
    return w->lock >= 0 ? 0 : dmv_lock_take(w->roots, LOCK_WAIT_USEC, &w->lock, reterr);
}

/* ---- the store ---- */

static int on_publish(VlCall *call, json_object *params, void *userdata)
{
    DmvApplier *w = userdata;
    DMV_CLEANUP(dmv_publish_request_deinit) DmvPublishRequest q = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *folder = NULL;
    DMV_CLEANUP_CLOSE int source = vl_call_take_fd(call, 0);
    DmvJsonBuilder b = {0};
    int r = dmv_request_read_publish(params, &q, &e);

    if (r == 0 && source < 0)
        r = dmv_error_set(&e, DMV_INVALID_REQUEST, "nothing was published", NULL,
                          "the folder's descriptor did not come with the call");
    if (r == 0)
        r = take_lock(w, &e);
    if (r == 0)
        r = dmv_publish(w->roots, source, &q, &folder, &e);
    if (r == 0) {
        dmv_jb_object(&b);
        dmv_jb_string(&b, "folder", folder);
    }
    return answer(call, r, &e, &b);
}

static int on_unpublish(VlCall *call, json_object *params, void *userdata)
{
    DmvApplier *w = userdata;
    DMV_CLEANUP(dmv_publish_request_deinit) DmvPublishRequest q = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_request_read_release(params, &q, &e);

    if (r == 0)
        r = take_lock(w, &e);
    if (r == 0)
        r = dmv_unpublish(w->roots, q.driver, q.variant, q.version, q.kernel, &e);
    return r == 0 ? vl_call_reply(call, NULL) : refuse(call, r, &e);
}

/* ---- the transaction ---- */

static void on_progress(size_t done, size_t total, const char *message, void *userdata)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_int(&b, "done", (int64_t)done);
    dmv_jb_int(&b, "total", (int64_t)total);
    dmv_jb_string(&b, "message", message);
    /* a reader that went away is found out at the end; the change does not depend on it */
    (void)vl_call_notify(userdata, dmv_jb_end(&b));
}

static Change *free_change(Change *c)
{
    if (!c)
        return NULL;
    (void)sd_event_source_disable_unref(c->source);
    c->transaction = dmv_transaction_free(c->transaction);
    dmv_apply_request_deinit(&c->request);
    c->call = vl_call_unref(c->call);
    free(c);
    return NULL;
}

static void end_change(DmvApplier *w, int code, const DmvError *e)
{
    DmvJsonBuilder b = {0};
    bool trial = false;

    if (code == 0 && w->change->options.trial)
        code = dmv_trial_exists(w->roots, w->change->options.trial, &trial);
    if (code == 0) {
        dmv_jb_object(&b);
        dmv_jb_int(&b, "done", (int64_t)w->change->request.n_steps);
        dmv_jb_int(&b, "total", (int64_t)w->change->request.n_steps);
        if (w->change->transaction && dmv_transaction_problems(w->change->transaction))
            dmv_jb_strv(&b, "problems", dmv_transaction_problems(w->change->transaction));
        if (trial)
            dmv_jb_bool(&b, "trial", true);
    }
    /* a client that cannot be told is gone, and the loop ends with its connection */
    (void)answer(w->change->call, code, e, &b);
    w->change = free_change(w->change);
}

/* One step at a time, so that progress leaves in between and a daemon that goes away ends it early. */
static int on_turn(sd_event_source *source, void *userdata)
{
    DmvApplier *w = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    bool applied = false;
    int r = dmv_transaction_step(w->change->transaction, &applied, &e);

    (void)source;
    if (r != 0 && r != DMV_STATE_BROKEN)
        w->unconfirmed = false; /* it was taken back already */
    if (r != 0 || applied)
        end_change(w, r, &e);
    return 0;
}

static int begin_change(DmvApplier *w, DmvError *reterr)
{
    Change *c = w->change;
    int r = dmv_transaction_begin(w->roots, c->request.generation, c->request.steps, c->request.n_steps,
                                  &c->options, &c->transaction, reterr);

    if (r != 0)
        return r;
    w->unconfirmed = true;
    r = sd_event_add_defer(w->event, &c->source, on_turn, w);
    if (r >= 0)
        r = sd_event_source_set_priority(c->source, SD_EVENT_PRIORITY_IDLE);
    return r < 0 ? r : sd_event_source_set_enabled(c->source, SD_EVENT_ON);
}

static int on_apply(VlCall *call, json_object *params, void *userdata)
{
    DmvApplier *w = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    Change *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return -ENOMEM;
    w->change = c;
    c->call = vl_call_ref(call);
    c->options =
        (DmvTransactionOptions){.progress = vl_call_wants_more(call) ? on_progress : NULL, .userdata = call};
    r = dmv_request_read_apply(params, &c->request, &e);
    if (r == 0 && c->request.trial) {
        r = uname(&c->kernel) < 0 ? -errno : 0;
        c->options.trial = c->kernel.release;
    }
    if (r == 0)
        r = take_lock(w, &e);
    if (r == 0)
        r = begin_change(w, &e);
    if (r != 0)
        end_change(w, r, &e);
    return 0;
}

typedef int (*Settle)(const DmvRoots *r, const DmvTransactionOptions *options, DmvError *reterr);

static int settle(VlCall *call, DmvApplier *w, Settle how)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = take_lock(w, &e);

    if (r == 0)
        r = how(w->roots, NULL, &e);
    if (r != 0)
        return refuse(call, r, &e);
    w->unconfirmed = false;
    return vl_call_reply(call, NULL);
}

static int on_undo(VlCall *call, json_object *params, void *userdata)
{
    (void)params;
    return settle(call, userdata, dmv_transaction_undo);
}

static int on_confirm(VlCall *call, json_object *params, void *userdata)
{
    (void)params;
    return settle(call, userdata, dmv_transaction_confirm);
}

static int recover(DmvApplier *w, DmvRecovery *ret, uint64_t *ret_generation, DmvError *reterr)
{
    bool found = false;
    int r = take_lock(w, reterr);

    if (r == 0)
        r = dmv_transaction_recover(w->roots, NULL, ret, ret_generation, reterr);
    if (r != 0)
        return r;
    w->unconfirmed = false;
    r = dmv_publish_clean(w->roots, &found);
    if (r < 0)
        return dmv_error_set(reterr, r, "leftovers in the store cannot be removed", NULL, "%s", strerror(-r));
    if (found && *ret == DMV_RECOVERY_NONE)
        *ret = DMV_RECOVERY_CLEANED;
    return 0;
}

static int on_recover(VlCall *call, json_object *params, void *userdata)
{
    static const char *const names[] = {
        [DMV_RECOVERY_NONE] = "none",
        [DMV_RECOVERY_UNDONE] = "undone",
        [DMV_RECOVERY_CLEANED] = "cleaned",
    };
    DmvRecovery what = DMV_RECOVERY_NONE;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJsonBuilder b = {0};
    uint64_t generation = 0;
    int r = recover(userdata, &what, &generation, &e);

    (void)params;
    if (r == 0) {
        dmv_jb_object(&b);
        dmv_jb_string(&b, "outcome", names[what]);
        if (what == DMV_RECOVERY_UNDONE)
            dmv_jb_int(&b, "generation", (int64_t)generation);
    }
    return answer(call, r, &e, &b);
}

/* ---- trials ---- */

static int end_trial(VlCall *call, DmvApplier *w, int (*how)(const DmvRoots *r, DmvError *reterr))
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = take_lock(w, &e);

    if (r == 0)
        r = how(w->roots, &e);
    return r == 0 ? vl_call_reply(call, NULL) : refuse(call, r, &e);
}

static int on_promote_trial(VlCall *call, json_object *params, void *userdata)
{
    (void)params;
    return end_trial(call, userdata, dmv_trial_promote);
}

static int on_drop_trial(VlCall *call, json_object *params, void *userdata)
{
    (void)params;
    return end_trial(call, userdata, dmv_trial_drop);
}

static int on_arm_trial(VlCall *call, json_object *params, void *userdata)
{
    DmvApplier *w = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int64_t generation = 0;
    const DmvJsonField fields[] = {{"generation", DMV_JSON_INT, DMV_JSON_REQUIRED, &generation}};
    int r = dmv_json_read(params, "ArmTrial", fields, DMV_N_ELEMENTS(fields), false, &e);
    struct utsname kernel;

    if (r == 0 && uname(&kernel) < 0)
        r = -errno;
    if (r == 0 && generation < 1)
        r = dmv_error_set(&e, DMV_INVALID_REQUEST, NULL, NULL, "no generation has this number");
    if (r == 0)
        r = take_lock(w, &e);
    if (r == 0)
        r = dmv_trial_arm(w->roots, kernel.release, generation, &e);
    return r == 0 ? vl_call_reply(call, NULL) : refuse(call, r, &e);
}

/* ---- forecasts ---- */

static int tell_outlook(VlCall *call, const DmvOutlook *o)
{
    json_object *reply = dmv_outlook_render(o);
    int r = reply ? vl_call_notify(call, reply) : -ENOMEM;

    return r > 0 ? 0 : r; /* a slow reader gets it all at the end */
}

/* Reads and looks up only: neither the lock nor a transaction has anything to do with it. */
static int on_forecast(VlCall *call, json_object *params, void *userdata)
{
    const DmvApplier *w = userdata;
    DMV_CLEANUP(dmv_apply_request_deinit) DmvApplyRequest q = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_request_read_forecast(params, &q, &e);

    for (char **k = q.kernels; r == 0 && k && *k; k++) {
        DMV_CLEANUP_OUTLOOK DmvOutlook o = {0};

        r = dmv_forecast_kernel(w->roots, *k, q.steps, q.n_steps, q.keys, &o, &e);
        if (r == 0)
            r = tell_outlook(call, &o);
    }
    return r == 0 ? vl_call_reply(call, NULL) : refuse(call, r, &e);
}

/* ---- inspections ---- */

static int on_inspect(VlCall *call, json_object *params, void *userdata)
{
    DmvApplier *w = userdata;
    DMV_CLEANUP(dmv_inspect_request_deinit) DmvInspectRequest q = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_request_read_inspect(params, &q, &e);

    w->inspecting = dmv_inspecting_free(w->inspecting); /* one call at a time: it has ended */
    if (r == 0)
        r = dmv_inspecting_new(w->event, w->roots, call, &q, &w->inspecting);
    return r == 0 ? 0 : refuse(call, r, &e);
}

/* ---- life ---- */

static const struct {
    const char *name;
    VlHandler handler;
} methods[] = {
    {INTERFACE ".Publish", on_publish},
    {INTERFACE ".Unpublish", on_unpublish},
    {INTERFACE ".Apply", on_apply},
    {INTERFACE ".Undo", on_undo},
    {INTERFACE ".Confirm", on_confirm},
    {INTERFACE ".Recover", on_recover},
    {INTERFACE ".PromoteTrial", on_promote_trial},
    {INTERFACE ".ArmTrial", on_arm_trial},
    {INTERFACE ".DropTrial", on_drop_trial},
    {INTERFACE ".Forecast", on_forecast},
    {INTERFACE ".Inspect", on_inspect},
};

static void on_connections(unsigned n, void *userdata)
{
    DmvApplier *w = userdata;

    if (n == 0)
        (void)sd_event_exit(w->event, 0);
}

static int make_server(DmvApplier *w)
{
    static const VlConfig config = {
        .vendor = DMV_PRODUCT,
        .product = "dmv-apply",
        .version = DMV_VERSION,
        .url = "",
        .max_request = REQUEST_MAX,
        .max_output = OUTPUT_MAX,
        .max_connections = 1,
        .accept_fds = true,
    };
    int r = vl_server_new(w->event, &config, &w->server);

    if (r == 0)
        r = vl_server_add_interface(w->server, dmv_interface_apply);
    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(methods); i++)
        r = vl_server_bind(w->server, methods[i].name, methods[i].handler, VL_PRIVILEGED, w);
    return r < 0 ? r : vl_server_check(w->server);
}

int dmv_applier_new(sd_event *event, const DmvRoots *roots, DmvApplier **ret)
{
    __attribute__((cleanup(dmv_cleanup_applier))) DmvApplier *w = calloc(1, sizeof(*w));
    int r;

    if (!w)
        return -ENOMEM;
    w->event = sd_event_ref(event);
    w->roots = roots;
    w->lock = -1;
    r = make_server(w);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(w);
    return 0;
}

DmvApplier *dmv_applier_free(DmvApplier *w)
{
    if (!w)
        return NULL;
    w->change = free_change(w->change);
    w->inspecting = dmv_inspecting_free(w->inspecting);
    (void)vl_server_free(w->server);
    (void)sd_event_unref(w->event);
    w->lock = dmv_close(w->lock);
    free(w);
    return NULL;
}

int dmv_applier_start(DmvApplier *w)
{
    int r = vl_server_listen_auto(w->server);

    if (r < 0)
        return r;
    if (r == 0)
        return -ENOTCONN;
    vl_server_on_connections(w->server, on_connections, w);
    return 0;
}

int dmv_applier_finish(DmvApplier *w, DmvError *reterr)
{
    int r;

    w->change = free_change(w->change);
    if (!w->unconfirmed)
        return 0;
    r = dmv_transaction_undo(w->roots, NULL, reterr);
    w->unconfirmed = r != 0;
    return r;
}
