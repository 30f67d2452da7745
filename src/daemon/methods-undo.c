/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* undo: an intent without what entries of the history did to it. */
#include "model/history-undo.h"

#include <errno.h>
#include <string.h>

#include "daemon/guests.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "dmv/interface.h"
#include "model/render.h"

typedef struct Undo {
    int64_t first, last; /* -1: not given */
    const char *because;
    bool now, dry_run, accept_lifeline, accept_guests;
} Undo;

static DmvConsent consent_of(const Undo *x)
{
    return (DmvConsent){
        .now = x->now, .accept_lifeline = x->accept_lifeline, .accept_guests = x->accept_guests};
}

/* The answer without what the plan says. */
static json_object *render_undone(const DmvHistoryUndo *u)
{
    DmvJsonBuilder b = {0}, undone = {0}, skipped = {0};

    dmv_jb_array(&undone);
    for (size_t i = 0; i < u->n_undone; i++)
        dmv_jb_add(&undone, json_object_new_int64(u->undone[i]));
    dmv_jb_array(&skipped);
    for (size_t i = 0; i < u->n_skipped; i++)
        dmv_jb_add(&skipped, json_object_new_int64(u->skipped[i]));
    dmv_jb_object(&b);
    dmv_jb_value(&b, "undone", dmv_jb_end(&undone));
    dmv_jb_value(&b, "skipped", dmv_jb_end(&skipped));
    dmv_jb_value(&b, "changes", dmv_render_changes(&u->before, &u->after));
    return dmv_jb_end(&b);
}

static json_object *undo_reply(DmvManager *m, json_object *undone, bool applied)
{
    DmvJsonBuilder b = {.value = undone};
    bool waits = !applied && !dmv_plan_is_empty(&m->plan);

    dmv_jb_bool(&b, "staged", waits);
    dmv_jb_bool(&b, "rebootNeeded", m->view.reboot_needed || waits);
    return dmv_jb_end(&b);
}

static json_object *would_undo(DmvManager *m, const void *userdata)
{
    const DmvHistoryUndo *u = userdata;
    DmvJsonBuilder b = {.value = undo_reply(m, render_undone(u), false)};

    dmv_jb_value(&b, "steps", dmv_render_steps(&m->plan));
    dmv_jb_value(&b, "predictions", dmv_render_predictions(&m->plan));
    dmv_jb_value(&b, "lifelines", dmv_method_lifelines(m));
    dmv_guests_add_plan(m, &b);
    return dmv_jb_end(&b);
}

/* What was selected once must still be something that can be selected. */
static int check_releases(const DmvManager *m, const DmvHistoryUndo *u, DmvError *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < u->after.n; i++) {
        const DmvSelection *s = &u->after.items[i];
        const DmvViewDriver *d = dmv_view_driver(&m->view, s->driver);
        const DmvViewRelease *release;

        if (s->kind != DMV_SELECT_RELEASE || dmv_selection_is_same(s, dmv_intent_find(&u->before, s->driver)))
            continue;
        release = d ? dmv_view_driver_release(d, s->variant, s->version) : NULL;
        if (!release)
            return dmv_error_set(e, DMV_NO_SUCH_RELEASE, NULL, "dmvctl list shows what there is",
                                 "%s/%s@%s, which was selected then, is neither installed nor in a catalog",
                                 s->driver, s->variant, s->version);
        r = dmv_method_check_release(release, true, e);
        if (r == 0)
            r = dmv_method_check_kernel(release, e);
        if (r == 0)
            r = dmv_method_check_installed(release, e);
    }
    return r;
}

/* Pins belong to the intent, not to a plan: they are stored without a new generation. */
static int store_pins(DmvManager *m, const DmvIntent *intent)
{
    DmvIntent other = m->intent;
    int r = dmv_intent_copy(intent, &m->intent), thought;

    if (r < 0)
        return r;
    r = dmv_state_save(m);
    if (r < 0) {
        DmvIntent refused = m->intent;

        m->intent = other;
        other = refused;
    }
    dmv_view_deinit(&m->view); /* it borrows from the intent that goes */
    dmv_intent_deinit(&other);
    thought = dmv_manager_think(m);
    return r == 0 ? thought : r;
}

static void record(DmvManager *m, VlCall *call, const Undo *x, const DmvHistoryUndo *u)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvIntent *changed = u->after.n > 0 ? &u->after : &u->before;
    const char *object = changed->n == 1 && u->before.n <= 1 ? changed->items[0].driver : NULL;
    DMV_CLEANUP_TEXT DmvText what = {0};

    dmv_text_append(&what, u->n_undone > 1 ? "entries" : "entry");
    for (size_t i = 0; i < u->n_undone; i++)
        dmv_text_appendf(&what, "%s %lld", i > 0 ? "," : "", (long long)u->undone[i]);
    dmv_state_record(m, dmv_method_uid(call), "undo", object, 0, what.data, x->because,
                     staged ? staged->number : -1);
    dmv_log_event(LOG_NOTICE, DMV_MESSAGE_INTENT_CHANGED, "undo", object, 0, "%s of the history taken back",
                  what.data ? what.data : "what was in");
    dmv_manager_publish(m, "generation_changed", object, NULL);
}

/* @userdata: the answer as text, since a job can only free that. */
static json_object *after_undo_now(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    static const DmvJsonLimits limits = {.size = SIZE_MAX, .depth = 8, .nodes = SIZE_MAX};
    const char *text = userdata;
    json_object *undone = NULL;

    (void)changed;
    (void)kernels;
    return dmv_json_parse(text, strlen(text), &limits, &undone, NULL) == 0 ? undo_reply(m, undone, true)
                                                                           : NULL;
}

/* Return: 0 when it has answered, or somebody will. */
static int change(DmvManager *m, VlCall *call, const Undo *x, const DmvHistoryUndo *u, DmvError *e)
{
    DMV_CLEANUP_JSON json_object *undone = NULL;
    DMV_CLEANUP_FREE char *text = NULL;
    const DmvConsent consent = consent_of(x);
    bool pins_only = dmv_intent_is_same(&u->before, &u->after);
    int r;

    if (x->dry_run)
        return dmv_method_try(m, call, &u->intent, &consent, would_undo, u, e);
    undone = render_undone(u);
    r = dmv_json_format(undone, &text, NULL);
    if (r == 0)
        r = pins_only ? store_pins(m, &u->intent) : dmv_manager_ask_intent(m, &u->intent, &consent, e);
    if (r != 0)
        return r;
    record(m, call, x, u);
    if (!x->now || pins_only)
        return dmv_reply(call, undo_reply(m, json_object_get(undone), false));
    return dmv_job_apply(m, call, "activate", NULL, x->because, after_undo_now, DMV_TAKE_PTR(text), e);
}

static int on_undo(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_HISTORY_UNDO DmvHistoryUndo u = {0};
    Undo x = {.first = -1, .last = -1};
    const DmvJsonField fields[] = {
        {"first", DMV_JSON_INT, 0, &x.first},
        {"last", DMV_JSON_INT, 0, &x.last},
        {"now", DMV_JSON_BOOL, 0, &x.now},
        {"because", DMV_JSON_STRING, 0, &x.because},
        {"dryRun", DMV_JSON_BOOL, 0, &x.dry_run},
        {"acceptLifeline", DMV_JSON_BOOL, 0, &x.accept_lifeline},
        {"acceptGuests", DMV_JSON_BOOL, 0, &x.accept_guests},
    };
    DmvConsent consent;
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (x.first < 0 && x.last >= 0)
        return vl_call_error_invalid(call, "last");
    consent = consent_of(&x);
    if (dmv_method_concerns_guests(m, &consent, x.dry_run) && dmv_guests_wait(m, call, params, on_undo))
        return 0;
    r = dmv_method_check_free(m, &e);
    if (r == 0 && x.first < 0)
        r = dmv_history_undo_last(&m->history, &x.first, &e);
    if (r == 0)
        r = dmv_history_undo(&m->history, &m->intent, x.first, x.last < 0 ? x.first : x.last,
                             dmv_manager_now(), &u, &e);
    if (r == 0)
        r = check_releases(m, &u, &e);
    if (r == 0)
        r = change(m, call, &x, &u, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "undo", "what the history says");
}

int dmv_methods_bind_undo(DmvManager *m)
{
    static const DmvMethod methods[] = {{DMV_INTERFACE ".Undo", on_undo}};

    return dmv_methods_bind(m, methods, DMV_N_ELEMENTS(methods));
}
