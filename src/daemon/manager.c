/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager: wiring. It looks (observe), thinks (resolve, plan), and keeps what follows from the two;
 * methods render it, jobs change the world and make it look again.
 */
#include "daemon/manager.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "daemon/authorizer.h"
#include "daemon/boot.h"
#include "daemon/claim.h"
#include "daemon/forecast.h"
#include "daemon/guests.h"
#include "daemon/health.h"
#include "daemon/inspector.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/owners.h"
#include "daemon/staging.h"
#include "daemon/vouchers.h"
#include "dmv/interface.h"
#include "host/fs.h"
#include "model/adopted.h"
#include "model/lifeline.h"

#define GOODBYE_USEC 500000
/* The largest reply that clients take, and no less: a host with 10,000 installed variants has to be listed.
 */
#define OUTPUT_MAX ((size_t)16 * 1024 * 1024)
/* A toolstack with everything that watches it; of one user but root it is 32 as ever. */
#define CONNECTIONS_MAX 256

int64_t dmv_manager_now(void)
{
    return (int64_t)time(NULL);
}

uint64_t dmv_manager_monotonic(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- look and think ---- */

/* Names of all modules that a catalog, or the plan until now, could concern: what the indexes are asked
 * about. With the plan: what it has predicted is compared with this look, also of what nothing else knows any
 * more. */
static int modules_in_question(const DmvManager *m, char ***ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    char last[65] = "", name[65];

    for (size_t s = 0; s < m->n_streams; s++) {
        const DmvCatalog *c = m->streams[s].catalog;

        for (size_t i = 0; c && i < c->n_releases; i++)
            for (size_t k = 0; k < c->releases[i].n_ids; k++) {
                if (!dmv_module_name_from_file(c->releases[i].ids[k].file, name, sizeof(name)) ||
                    strcmp(name, last) == 0)
                    continue;
                memcpy(last, name, sizeof(last));
                if (dmv_strv_push_unique(&names, name) < 0)
                    return -ENOMEM;
            }
    }
    for (size_t i = 0; i < m->plan.n_predictions; i++)
        if (dmv_strv_push_unique(&names, m->plan.predictions[i].module) < 0)
            return -ENOMEM;
    *ret = DMV_TAKE_PTR(names);
    return 0;
}

static int collect_sources(DmvManager *m)
{
    free(m->sources);
    m->sources = NULL;
    m->n_sources = 0;
    for (size_t i = 0; i < m->n_streams; i++) {
        DmvSource *s;

        if (!m->streams[i].catalog || !m->streams[i].conf.enabled)
            continue;
        s = DMV_ARRAY_ADD(m->sources, m->n_sources);
        if (!s)
            return -ENOMEM;
        *s = (DmvSource){.catalog = m->streams[i].catalog, .stale = dmv_stream_is_stale(&m->streams[i])};
    }
    return 0;
}

static void forget_thoughts(DmvManager *m)
{
    dmv_forecast_forget(m);
    dmv_plan_deinit(&m->plan);
    dmv_error_clear(&m->plan_error);
    dmv_view_deinit(&m->view);
}

int dmv_manager_think(DmvManager *m)
{
    DmvFacts facts;
    int r;

    forget_thoughts(m);
    r = collect_sources(m);
    if (r < 0)
        return r;
    facts = (DmvFacts){.world = &m->world,
                       .sources = m->sources,
                       .n_sources = m->n_sources,
                       .intent = &m->intent,
                       .now = dmv_manager_now()};
    r = dmv_resolve(&facts, &m->view);
    if (r == 0)
        r = dmv_plan(&m->view, m->roots.modules, &m->plan, &m->plan_error);
    if (r >= 0)
        r = dmv_view_adopt(&m->view, m->plan_error.code == 0 ? &m->plan : NULL);
    if (r == 0)
        dmv_view_offer(&m->view);
    return r;
}

/* What looking and answering needed for a moment must not stay with a daemon that only waits. One that ends
 * with its conversation never waits. */
static void give_back_memory(const DmvManager *m)
{
    if (!m->transient)
        (void)malloc_trim(0);
}

/* What could not be seen is looked for once more: a plan would take it for gone. */
static int observe(const DmvManager *m, char *const *names, DmvWorld *ret)
{
    const char *object;
    int r = dmv_observe(&m->roots, names, ret);

    if (r < 0 || dmv_world_find_unseen(ret, m->roots.modules, &object) == 0)
        return r;
    dmv_world_deinit(ret);
    return dmv_observe(&m->roots, names, ret);
}

int dmv_manager_check_sight(const DmvManager *m, DmvError *reterr)
{
    const char *object = NULL;
    int r = dmv_world_find_unseen(&m->world, m->roots.modules, &object);

    return r == 0 ? 0
                  : dmv_error_set(reterr, r, "the host cannot be looked at entirely; nothing was changed",
                                  "dmvctl doctor shows what is wrong; try again", "%s: %s",
                                  object ? object : "a release", strerror(-r));
}

int dmv_manager_look(DmvManager *m)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DmvWorld fresh = {0};
    int r = modules_in_question(m, &names);

    if (r == 0)
        r = observe(m, names, &fresh);
    if (r == 0) {
        dmv_fit_mark_alternate(&fresh, m->settings.alternate_kernels);
        r = dmv_observe_abi(&m->roots, m->abi_cache, &fresh);
    }
    if (r == 0)
        r = dmv_fit_settle_adopted(&fresh);
    if (r < 0) {
        dmv_world_deinit(&fresh);
        return r;
    }
    forget_thoughts(m); /* the View borrows from the World */
    dmv_world_deinit(&m->world);
    m->world = fresh;
    r = dmv_manager_think(m);
    if (r == 0)
        r = dmv_owners_keep(m);
    give_back_memory(m);
    return r;
}

int dmv_manager_reload(DmvManager *m)
{
    int r;

    forget_thoughts(m); /* the View borrows from the intent and the catalogs */
    dmv_state_deinit(m);
    r = dmv_state_load(m);
    if (r == 0)
        r = dmv_streams_reload(m);
    return r == 0 ? dmv_manager_look(m) : r;
}

/* What brings the host back by itself; the reason why nothing does, where nothing does. */
static int look_for_fallback(const DmvManager *m, const DmvLifelineChanges *changes,
                             const DmvConsent *consent, DmvError *ret_why)
{
    if (changes->n == 0 || consent->accept_lifeline)
        return 0;
    if (consent->now)
        return dmv_error_set(ret_why, DMV_LIFELINE, NULL, NULL, "it would be switched to at once");
    return m->settings.fallback ? 0 : dmv_boot_check_fallback(m, changes, ret_why);
}

int dmv_manager_check_plan(const DmvManager *m, const DmvConsent *consent, DmvError *reterr)
{
    DMV_CLEANUP_LIFELINE_CHANGES DmvLifelineChanges changes = {0};
    DMV_CLEANUP_ERROR DmvError why = {0};
    int r = dmv_vouchers_enforce(m, reterr), missing;

    if (r == 0)
        r = dmv_plan_lifelines(&m->plan, &m->view, &changes);
    if (r != 0)
        return r;
    missing = look_for_fallback(m, &changes, consent, &why);
    if (missing == -ENOMEM)
        return missing;
    r = dmv_lifeline_check(&changes, missing == 0 ? NULL : dmv_error_words(&why, missing),
                           consent->accept_lifeline, reterr);
    return r == 0 ? dmv_guests_check(m, consent, reterr) : r;
}

int dmv_manager_set_intent(DmvManager *m, const DmvIntent *intent, DmvError *reterr)
{
    return dmv_manager_ask_intent(m, intent, NULL, reterr);
}

int dmv_manager_ask_intent(DmvManager *m, const DmvIntent *intent, const DmvConsent *consent,
                           DmvError *reterr)
{
    DmvIntent before = m->intent;
    DmvIntent fresh = {0};
    int r = dmv_intent_copy(intent, &fresh);

    if (r < 0)
        return r;
    m->intent = fresh;
    r = dmv_manager_think(m);
    if (r == 0 && m->plan_error.code > 0) {
        r = m->plan_error.code;
        dmv_error_move(reterr, &m->plan_error);
    }
    if (r == 0 && consent)
        r = dmv_manager_check_plan(m, consent, reterr);
    if (r == 0)
        r = dmv_staging_stage(m);
    if (r == 0)
        r = dmv_state_save(m);
    if (r == 0) {
        dmv_intent_deinit(&before);
        if (dmv_generations_staged(&m->generations))
            dmv_health_remember(m);
        return 0;
    }
    forget_thoughts(m);
    dmv_intent_deinit(&m->intent);
    m->intent = before;
    if (dmv_manager_think(m) < 0)
        dmv_log(LOG_ERR, "out of memory");
    else
        dmv_staging_reconcile(m); /* what was staged for it is not wanted */
    return r < 0 ? dmv_error_set(reterr, r, NULL, NULL, "the intent cannot be stored: %s", strerror(-r)) : r;
}

/* ---- events ---- */

void dmv_manager_publish(DmvManager *m, const char *type, const char *object, const char *outcome)
{
    DmvJsonBuilder b = {0};
    json_object *event;

    if (!m->monitor || vl_monitor_n_subscribers(m->monitor) == 0)
        return;
    dmv_jb_object(&b);
    dmv_jb_string(&b, "type", type);
    dmv_jb_time(&b, "time", dmv_manager_now());
    dmv_jb_string(&b, "object", object);
    if (m->job)
        dmv_jb_value(&b, "job", dmv_job_render(m->job));
    dmv_jb_string(&b, "outcome", outcome);
    event = dmv_jb_end(&b);
    if (event && vl_monitor_publish(m->monitor, strcmp(type, "job_progress") == 0 ? type : NULL, event) < 0)
        dmv_log(LOG_DEBUG, "an event got lost");
}

static void follow_hardware(DmvManager *m, const char *what)
{
    forget_thoughts(m);
    if (dmv_observe_hardware(&m->roots, &m->world) < 0 || dmv_manager_think(m) < 0)
        dmv_log(LOG_WARNING, "the change of %s could not be followed, ignoring until the next look", what);
}

/* udev tells of a device only after its rules have run, and of a module that no device is bound to not at
 * all. Who has loaded a module and asks then gets an answer that knows of it. */
static void on_call(void *userdata)
{
    DmvManager *m = userdata;

    if (m->serving && dmv_claim_is_behind(m) && dmv_manager_reload(m) < 0)
        dmv_log(LOG_WARNING, "what another dmvd has stored cannot be read, ignoring until the next call");
    if (m->serving && dmv_observe_is_behind(&m->roots, &m->world))
        follow_hardware(m, "devices and modules");
}

static void on_hotplug(const char *action, const char *slot, void *userdata)
{
    DmvManager *m = userdata;

    (void)action;
    follow_hardware(m, slot);
    dmv_manager_publish(m, "device_changed", slot, NULL);
}

/* ---- idle ---- */

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
    DmvManager *m = userdata;

    (void)source;
    (void)usec;
    if (!m->job && vl_server_n_connections(m->server) == 0)
        return sd_event_exit(m->event, 0);
    return 0;
}

static int on_goodbye(sd_event_source *source, uint64_t usec, void *userdata)
{
    DmvManager *m = userdata;

    (void)source;
    (void)usec;
    return sd_event_exit(m->event, 0);
}

/* The last answers are still on their way; whoever does not read them gets no more than a moment. */
static void say_goodbye(DmvManager *m)
{
    m->monitor = vl_monitor_free(m->monitor);
    if (vl_server_n_connections(m->server) == 0 ||
        sd_event_add_time_relative(m->event, NULL, CLOCK_MONOTONIC, GOODBYE_USEC, 0, on_goodbye, m) < 0)
        (void)sd_event_exit(m->event, 0);
}

void dmv_manager_check_idle(DmvManager *m)
{
    bool busy = m->job || vl_server_n_connections(m->server) > 0;

    if (m->leaving && !m->job)
        say_goodbye(m);
    if (!m->serving)
        return;
    if (m->transient && !busy)
        (void)sd_event_exit(m->event, 0);
    if (!busy)
        give_back_memory(m);
    if (!m->idle_timer)
        return;
    if (busy) {
        (void)sd_event_source_set_enabled(m->idle_timer, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time_relative(m->idle_timer, m->settings.idle_timeout * 1000000);
    (void)sd_event_source_set_enabled(m->idle_timer, SD_EVENT_ONESHOT);
}

void dmv_manager_stop(DmvManager *m)
{
    m->leaving = true;
    vl_server_stop_listening(m->server);
    if (m->job && m->job->can_cancel)
        (void)sd_event_exit(m->event, 0);
    else
        dmv_manager_check_idle(m);
}

static void on_connections(unsigned n, void *userdata)
{
    (void)n;
    dmv_manager_check_idle(userdata);
}

/* ---- life ---- */

/* A handler failed without words: the error is one of the interface all the same. */
static int on_failure(VlCall *call, int error, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {.code = error};

    (void)userdata;
    return dmv_reply_error(call, &e);
}

static void on_mismatch(const char *method, const char *error, const char *where, void *userdata)
{
    (void)userdata;
    dmv_log(LOG_WARNING, "%s: %s is not what the interface declares: \"%s\"", method,
            error ? error : "the reply", where);
}

static int make_server(DmvManager *m)
{
    const VlConfig config = {.vendor = "dmv project",
                             .product = DMV_PRODUCT,
                             .version = DMV_VERSION,
                             .url = "",
                             .max_output = OUTPUT_MAX,
                             .max_connections = CONNECTIONS_MAX,
                             .accept_fds = true};
    int r = vl_server_new(m->event, &config, &m->server);

    if (r == 0)
        r = vl_server_add_interface(m->server, dmv_interface_manager);
    if (r == 0)
        r = vl_monitor_new(m->server, &m->monitor);
    if (r == 0)
        r = dmv_methods_bind_read(m);
    if (r == 0)
        r = dmv_methods_bind_change(m);
    if (r == 0)
        r = vl_server_check(m->server);
    if (r == 0)
        r = vl_server_set_failure(m->server, DMV_INTERFACE ".Failed");
    /* what lies below another root is no business of this system's polkit */
    if (r == 0 && m->roots.running)
        r = dmv_authorizer_new(m);
    if (r < 0)
        return r;
    vl_server_on_call(m->server, on_call, m);
    vl_server_on_connections(m->server, on_connections, m);
    vl_server_on_failure(m->server, on_failure, m);
    vl_server_on_mismatch(m->server, on_mismatch, m);
    return 0;
}

DMV_DEFINE_CLEANUP(DmvManager *, cleanup_manager, dmv_manager_free);

int dmv_manager_new(sd_event *event, DmvRoots *roots, bool transient, const char *listen, DmvManager **ret)
{
    DMV_CLEANUP(cleanup_manager) DmvManager *m = calloc(1, sizeof(*m));
    const char *libexec = getenv("DMV_LIBEXECDIR");
    int r;

    if (!m) {
        dmv_roots_deinit(roots);
        return -ENOMEM;
    }
    m->event = sd_event_ref(event);
    m->claim = -1;
    m->roots = *roots;
    *roots = (DmvRoots){.fd = -1};
    m->transient = transient;
    dmv_history_init(&m->history);
    r = dmv_abi_cache_new(&m->abi_cache);
    if (r == 0)
        r = dmv_set_string(&m->libexec, libexec ? libexec : DMV_LIBEXECDIR);
    if (r == 0)
        r = dmv_set_string(&m->listen, listen);
    if (r == 0)
        r = dmv_state_load(m);
    if (r == 0)
        r = dmv_streams_load(m);
    if (r == 0)
        r = dmv_strv_copy(m->settings.management, &m->roots.management);
    if (r == 0)
        r = make_server(m);
    if (r == 0 && m->settings.idle_timeout > 0 && !transient)
        r = sd_event_add_time_relative(event, &m->idle_timer, CLOCK_MONOTONIC,
                                       m->settings.idle_timeout * 1000000, 0, on_idle, m);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(m);
    return 0;
}

DmvManager *dmv_manager_free(DmvManager *m)
{
    if (!m)
        return NULL;
    (void)dmv_job_free(m->job);
    (void)dmv_owning_free(m->owning);
    (void)dmv_guestbook_free(m->guestbook);
    (void)dmv_hotplug_free(m->hotplug);
    (void)vl_monitor_free(m->monitor);
    dmv_forecast_end(m);
    dmv_inspection_end(m);
    (void)vl_server_free(m->server);
    (void)dmv_authorizer_free(m->authorizer);
    (void)sd_event_source_unref(m->idle_timer);
    forget_thoughts(m);
    free(m->sources);
    dmv_world_deinit(&m->world);
    (void)dmv_abi_cache_free(m->abi_cache);
    dmv_problems_deinit(&m->config_problems);
    dmv_streams_free(m);
    dmv_settings_deinit(&m->settings);
    dmv_state_deinit(m);
    dmv_health_deinit(&m->health);
    (void)sd_event_source_disable_unref(m->claim_end);
    (void)dmv_close(m->claim);
    free(m->libexec);
    free(m->listen);
    dmv_roots_deinit(&m->roots);
    (void)sd_event_unref(m->event);
    free(m);
    return NULL;
}

static int serve(DmvManager *m)
{
    int r = dmv_manager_look(m);

    if (r < 0)
        return r;
    if (!m->state_problem) {
        dmv_staging_settle(m);
        dmv_streams_settle(m);
    }
    if (m->roots.running) {
        r = dmv_hotplug_new(m->event, on_hotplug, m, &m->hotplug);
        if (r < 0)
            dmv_log(LOG_WARNING, "devices that come and go are only seen by a rescan, ignoring: %s",
                    strerror(-r));
    }
    m->serving = true;
    if (m->listen)
        return vl_server_listen(m->server, m->listen, 0666);
    r = vl_server_listen_auto(m->server);
    return r == 0 ? -ENOTCONN : r < 0 ? r : 0;
}

static void after_recovery(DmvManager *m)
{
    int r = serve(m);

    if (r < 0) {
        dmv_log(LOG_ERR, "cannot serve: %s",
                r == -ENOTCONN ? "no socket was passed (see dmvd(8))" : strerror(-r));
        (void)sd_event_exit(m->event, r);
    }
}

int dmv_manager_start(DmvManager *m)
{
    if (!dmv_job_recovery_is_due(m)) {
        after_recovery(m);
        return 0;
    }
    dmv_log(LOG_NOTICE, "what was interrupted is undone first");
    return dmv_job_recover(m, after_recovery);
}
