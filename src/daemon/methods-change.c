/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods that change something. No verb edits a tree by itself: each changes the intent, and the same plan, apply, verify follows.
 */
#include <errno.h>
#include <string.h>

#include "daemon/job.h"
#include "daemon/log.h"
#include "dmv/interface.h"
#include "model/render.h"

static int64_t uid_of(VlCall *call)
{
    const VlPeerInfo *peer = vl_call_peer(call);

    return peer->known ? (int64_t)peer->uid : -1;
}

static int fail(VlCall *call, DmvError *e, int code, const char *verb, const char *object)
{
    e->code = code;
    if (!e->what)
        (void)dmv_error_set_what(e, "cannot %s %s", verb, object);
    return dmv_reply_error(call, e);
}

/* Changes that no job makes still wait for the job that runs. */
static int check_free(DmvManager *m, DmvError *e)
{
    if (m->state_problem)
        return dmv_error_set(e, DMV_STATE_BROKEN, NULL, "dmvctl doctor", "%s", m->state_problem);
    if (m->job)
        return dmv_error_set(e, DMV_BUSY, NULL, "try again when it is done; dmvctl status shows it",
                             "another job is running: %s %s", m->job->action, m->job->object ? m->job->object : "");
    return 0;
}

static int check_pin(const DmvViewDriver *d, DmvError *e)
{
    char until[21] = "";

    if (!d->pinned)
        return 0;
    if (d->selection->pin_until > 0)
        dmv_format_time(d->selection->pin_until, until);
    (void)dmv_error_set(e, DMV_PINNED, NULL, NULL, "it is pinned%s%s%s%s%s", until[0] ? " until " : "", until,
                        d->selection->pin_reason ? " (" : "", d->selection->pin_reason ? d->selection->pin_reason : "",
                        d->selection->pin_reason ? ")" : "");
    dmv_error_set_next(e, "dmvctl unpin %s", d->name);
    return DMV_PINNED;
}

/* ---- select and deselect ---- */

/* May this release be chosen? */
static int check_release(const DmvViewRelease *r, bool any_hardware, DmvError *e)
{
    static const struct {
        int code;
        bool any_hardware_helps;
        const char *next;
    } rules[] = {
        [DMV_VERDICT_FITS] = {0, false, NULL},
        [DMV_VERDICT_NO_HARDWARE] = {DMV_NO_HARDWARE, true, "--any-hardware does it all the same"},
        [DMV_VERDICT_OTHER_MACHINE] = {DMV_NO_HARDWARE, true, "--any-hardware does it all the same"},
        [DMV_VERDICT_NO_KERNEL] = {DMV_NO_KERNEL_RELEASE, false, "dmvctl refresh may bring a package for these kernels"},
        [DMV_VERDICT_REVOKED] = {DMV_REVOKED, false, "choose another release: dmvctl list"},
        [DMV_VERDICT_BROKEN] = {DMV_BROKEN_RELEASE, false, "dmvctl remove it, then install it again"},
    };
    if (rules[r->verdict].code == 0 || (any_hardware && rules[r->verdict].any_hardware_helps))
        return 0;
    return dmv_error_set(e, rules[r->verdict].code, NULL, rules[r->verdict].next, "%s: %s", r->name, r->reasons[r->why]);
}

typedef struct Select {
    const char *object, *selection, *because;
    bool now, any_hardware, dry_run;
} Select;

/* What the request means: a driver and what it shall be. */
static int resolve_request(DmvManager *m, const Select *s, DmvIntent *intent, DmvViewDriver **ret, DmvError *e)
{
    DmvViewRelease *release = NULL;
    bool inbox = s->selection && strcmp(s->selection, "inbox") == 0;
    bool recommended = s->selection && strcmp(s->selection, "recommended") == 0;
    int r;

    if (s->selection && !inbox && !recommended)
        return dmv_error_set(e, DMV_INVALID_REQUEST, NULL, "say recommended, inbox, or DRIVER/VARIANT@VERSION",
                             "\"%s\" is no selection", s->selection);
    r = s->selection ? dmv_view_find(&m->view, s->object, ret, e) : dmv_view_find_release(&m->view, s->object, ret, &release, e);
    if (r == 0)
        r = check_pin(*ret, e);
    if (r == 0 && recommended)
        release = (*ret)->recommended;
    if (r == 0 && recommended && !release)
        r = dmv_error_set(e, DMV_NO_SUCH_RELEASE, NULL, "dmvctl list shows what there is",
                          "no catalog recommends a release of %s that fits this host", (*ret)->name);
    if (r == 0 && release)
        r = check_release(release, s->any_hardware, e);
    if (r == 0 && release && release->n_installed == 0) {
        r = dmv_error_set(e, DMV_NOT_INSTALLED, NULL, NULL, "%s is not installed", release->name);
        dmv_error_set_next(e, "dmvctl install %s", release->name);
    }
    if (r == 0)
        r = dmv_intent_copy(&m->intent, intent);
    if (r == 0)
        r = dmv_intent_select(intent, (*ret)->name,
                              inbox         ? DMV_SELECT_INBOX
                              : recommended ? DMV_SELECT_RECOMMENDED
                                            : DMV_SELECT_RELEASE,
                              inbox || recommended ? NULL : release->variant, inbox || recommended ? NULL : release->version,
                              s->because);
    return r;
}

/* The common part of the answers to select and deselect; @plan NULL leaves the steps out. */
static json_object *selection_reply(DmvManager *m, const char *driver, const DmvPlan *plan)
{
    const DmvViewDriver *d = dmv_view_driver(&m->view, driver);
    DMV_CLEANUP_FREE char *selection = dmv_selection_to_string(d ? d->selection : NULL);
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "driver", driver);
    dmv_jb_string(&b, "selection", selection);
    dmv_jb_bool(&b, "staged", d && dmv_plan_changes_driver(&m->plan, d));
    dmv_jb_bool(&b, "rebootNeeded", d && (d->reboot_needed || dmv_plan_changes_driver(&m->plan, d)));
    if (plan) {
        dmv_jb_value(&b, "steps", dmv_render_steps(plan));
        dmv_jb_value(&b, "predictions", dmv_render_predictions(plan));
    }
    return dmv_jb_end(&b);
}

static json_object *after_select_now(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    (void)changed;
    (void)kernels;
    return selection_reply(m, userdata, NULL);
}

/* What would come of an intent, without storing anything. */
static int dry_run(DmvManager *m, VlCall *call, const char *driver, DmvIntent *intent, DmvError *e)
{
    DmvIntent before = m->intent;
    json_object *reply = NULL;
    int r, back;

    m->intent = *intent;
    r = dmv_manager_think(m);
    if (r == 0 && m->plan_error.code > 0) {
        r = m->plan_error.code;
        dmv_error_move(e, &m->plan_error);
    }
    if (r == 0)
        reply = selection_reply(m, driver, &m->plan);
    dmv_view_deinit(&m->view); /* it borrows from the intent that goes */
    m->intent = before;
    back = dmv_manager_think(m);
    if (r == 0 && back < 0)
        r = back;
    if (r == 0)
        return dmv_reply(call, reply);
    if (reply)
        json_object_put(reply);
    return r;
}

static int change_selection(DmvManager *m, VlCall *call, const Select *s, const char *verb)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    DMV_CLEANUP_FREE char *driver = NULL;
    DmvViewDriver *d = NULL;
    int r = check_free(m, &e);

    if (r == 0)
        r = resolve_request(m, s, &intent, &d, &e);
    if (r == 0)
        r = dmv_set_string(&driver, d->name);
    if (r == 0 && s->dry_run) {
        r = dry_run(m, call, driver, &intent, &e);
        return r == 0 ? 0 : fail(call, &e, r, verb, s->object);
    }
    if (r == 0)
        r = dmv_manager_set_intent(m, &intent, &e);
    if (r != 0)
        return fail(call, &e, r, verb, s->object);
    {
        const DmvGeneration *staged = dmv_generations_staged(&m->generations);
        DMV_CLEANUP_FREE char *what = dmv_selection_to_string(dmv_intent_find(&m->intent, driver));

        dmv_state_record(m, uid_of(call), verb, driver, 0, what, s->because, staged ? staged->number : -1);
        dmv_log_event(LOG_NOTICE, DMV_MESSAGE_INTENT_CHANGED, verb, driver, 0, "%s shall be %s", driver, what ? what : "");
    }
    dmv_manager_publish(m, "generation_changed", driver, NULL);
    if (!s->now)
        return dmv_reply(call, selection_reply(m, driver, &m->plan));
    r = dmv_job_apply(m, call, "activate", driver, s->because, after_select_now, strdup(driver), &e);
    return r == 0 ? 0 : fail(call, &e, r, "activate", driver);
}

static int on_select(VlCall *call, json_object *params, void *userdata)
{
    Select s = {0};
    const DmvJsonField fields[] = {
        {"object", DMV_JSON_STRING, DMV_JSON_REQUIRED, &s.object},
        {"selection", DMV_JSON_STRING, 0, &s.selection},
        {"now", DMV_JSON_BOOL, 0, &s.now},
        {"anyHardware", DMV_JSON_BOOL, 0, &s.any_hardware},
        {"because", DMV_JSON_STRING, 0, &s.because},
        {"dryRun", DMV_JSON_BOOL, 0, &s.dry_run},
    };

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    return change_selection(userdata, call, &s, "select");
}

static int on_deselect(VlCall *call, json_object *params, void *userdata)
{
    Select s = {.selection = "inbox"};
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &s.object},
        {"now", DMV_JSON_BOOL, 0, &s.now},
        {"because", DMV_JSON_STRING, 0, &s.because},
        {"dryRun", DMV_JSON_BOOL, 0, &s.dry_run},
    };

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    return change_selection(userdata, call, &s, "deselect");
}

/* ---- pins ---- */

static int reply_selection(VlCall *call, DmvManager *m, const char *driver)
{
    DMV_CLEANUP_FREE char *selection = dmv_selection_to_string(dmv_intent_find(&m->intent, driver));
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_string(&b, "driver", driver);
    dmv_jb_string(&b, "selection", selection);
    return dmv_reply(call, dmv_jb_end(&b));
}

/* A pin belongs to the intent, not to a plan: it is stored without a new generation. */
static int change_pin(DmvManager *m, VlCall *call, const char *verb, const char *object, const char *because, const char *until)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_FREE char *driver = NULL;
    DmvViewDriver *d = NULL;
    bool pin = strcmp(verb, "pin") == 0;
    int64_t end = 0;
    int r = check_free(m, &e);

    if (r == 0 && until && dmv_parse_time(until, &end) < 0)
        return vl_call_error_invalid(call, "until");
    if (r == 0)
        r = dmv_view_find(&m->view, object, &d, &e);
    if (r == 0 && !d->selection) {
        r = dmv_error_set(&e, DMV_NOT_INSTALLED, NULL, NULL, "nothing is selected for %s", d->name);
        dmv_error_set_next(&e, "dmvctl select %s inbox, or a release of it", d->name);
    }
    if (r == 0)
        r = dmv_set_string(&driver, d->name);
    if (r == 0)
        r = pin ? dmv_intent_pin(&m->intent, driver, because, end) : dmv_intent_unpin(&m->intent, driver);
    if (r == 0)
        r = dmv_state_save(m);
    if (r == 0)
        r = dmv_manager_think(m);
    if (r != 0)
        return fail(call, &e, r, verb, object);
    dmv_state_record(m, uid_of(call), verb, driver, 0, until, because, -1);
    return reply_selection(call, m, driver);
}

static int on_pin(VlCall *call, json_object *params, void *userdata)
{
    const char *driver = NULL, *because = NULL, *until = NULL;
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &driver},
        {"because", DMV_JSON_STRING, 0, &because},
        {"until", DMV_JSON_STRING, 0, &until},
    };

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    return change_pin(userdata, call, "pin", driver, because, until);
}

static int on_unpin(VlCall *call, json_object *params, void *userdata)
{
    const char *driver = NULL;
    const DmvJsonField fields[] = {{"driver", DMV_JSON_STRING, DMV_JSON_REQUIRED, &driver}};

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    return change_pin(userdata, call, "unpin", driver, NULL, NULL);
}

/* ---- install, remove, refresh ---- */

static int on_refresh(VlCall *call, json_object *params, void *userdata)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *stream = NULL;
    bool allow_stale = false;
    const DmvJsonField fields[] = {{"stream", DMV_JSON_STRING, 0, &stream}, {"allowStale", DMV_JSON_BOOL, 0, &allow_stale}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dmv_job_refresh(userdata, call, stream, allow_stale, &e);
    return r == 0 ? 0 : fail(call, &e, r, "refresh", stream ? stream : "the catalogs");
}

static int check_install(const DmvViewRelease *r, bool any_hardware, DmvError *e)
{
    if (!r->catalog)
        return dmv_error_set(e, DMV_NO_SUCH_RELEASE, NULL, "dmvctl list --all shows what there is", "no catalog lists %s", r->name);
    if (r->source->stale)
        return dmv_error_set(e, DMV_STALE, NULL, "dmvctl refresh", "the catalog of stream %s has expired",
                             r->source->catalog->stream);
    /* an installed copy that is broken is what installing mends */
    return r->verdict == DMV_VERDICT_BROKEN ? 0 : check_release(r, any_hardware, e);
}

static int on_install(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *spec = NULL;
    bool any_hardware = false, dry = false;
    DmvViewRelease *release = NULL;
    const DmvJsonField fields[] = {
        {"release", DMV_JSON_STRING, DMV_JSON_REQUIRED, &spec},
        {"anyHardware", DMV_JSON_BOOL, 0, &any_hardware},
        {"dryRun", DMV_JSON_BOOL, 0, &dry},
    };
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dmv_view_find_release(&m->view, spec, NULL, &release, &e);
    if (r == 0)
        r = check_install(release, any_hardware, &e);
    if (r == 0 && dry) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "release", release->name);
        dmv_jb_strv(&b, "kernels", release->kernels);
        return dmv_reply(call, dmv_jb_end(&b));
    }
    if (r == 0)
        r = dmv_job_install(m, call, release, &e);
    return r == 0 ? 0 : fail(call, &e, r, "install", spec);
}

/* Does the intent, or a link in a tree, need this release? */
static int check_unused(DmvManager *m, const DmvViewDriver *d, const DmvViewRelease *r, DmvError *e)
{
    if (r->n_installed == 0)
        return dmv_error_set(e, DMV_NOT_INSTALLED, NULL, "dmvctl list --installed", "%s is not installed", r->name);
    if (r->installed[0]->origin != DMV_ORIGIN_STORE)
        return dmv_error_set(e, DMV_ADOPTED, NULL, "remove its package with the package manager",
                             "%s belongs to the host's package manager (%s)", r->name, r->installed[0]->folder);
    if (r->selected) {
        (void)dmv_error_set(e, DMV_IN_USE, NULL, NULL, "%s is selected", r->name);
        dmv_error_set_next(e, "dmvctl deselect %s", d->name);
        return DMV_IN_USE;
    }
    for (size_t k = 0; k < m->world.n_kernels; k++)
        for (size_t i = 0; i < d->n_modules; i++) {
            const DmvIndexEntry *entry = dmv_kernel_index(&m->world.kernels[k], d->modules[i].name);
            DMV_CLEANUP_FREE char *name = NULL;

            if (entry && dmv_release_of_path(&m->world, &m->world.kernels[k], entry->path, &name) < 0)
                return -ENOMEM;
            if (dmv_streq(name, r->name))
                return dmv_error_set(e, DMV_IN_USE, NULL, "dmvctl activate, then remove it", "kernel %s would still load %s",
                                     m->world.kernels[k].release, r->name);
        }
    return 0;
}

static int on_remove(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *spec = NULL;
    bool dry = false;
    DmvViewDriver *d = NULL;
    DmvViewRelease *release = NULL;
    const DmvJsonField fields[] = {{"release", DMV_JSON_STRING, DMV_JSON_REQUIRED, &spec}, {"dryRun", DMV_JSON_BOOL, 0, &dry}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dmv_view_find_release(&m->view, spec, &d, &release, &e);
    if (r == 0)
        r = check_unused(m, d, release, &e);
    if (r == 0 && dry) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "release", release->name);
        dmv_jb_strv(&b, "kernels", release->kernels);
        return dmv_reply(call, dmv_jb_end(&b));
    }
    if (r == 0)
        r = dmv_job_remove(m, call, release, &e);
    return r == 0 ? 0 : fail(call, &e, r, "remove", spec);
}

/* ---- activate, rollback, commit, rescan ---- */

static json_object *after_activate(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    DmvJsonBuilder b = {0};

    (void)userdata;
    dmv_jb_object(&b);
    dmv_jb_bool(&b, "changed", changed);
    dmv_jb_int(&b, "generation", m->generations.current);
    dmv_jb_strv(&b, "kernels", kernels);
    dmv_jb_bool(&b, "rebootNeeded", m->view.reboot_needed);
    return dmv_jb_end(&b);
}

static int on_activate(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    bool dry = false;
    const DmvJsonField fields[] = {{"dryRun", DMV_JSON_BOOL, 0, &dry}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (dry)
        return dmv_reply(call, after_activate(m, !dmv_plan_is_empty(&m->plan), m->plan.kernels, NULL));
    r = dmv_job_apply(m, call, "activate", NULL, NULL, after_activate, NULL, &e);
    return r == 0 ? 0 : fail(call, &e, r, "activate", "the plan");
}

static json_object *rollback_reply(DmvManager *m, int64_t restored)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvGeneration *now = staged ? staged : dmv_generations_find(&m->generations, m->generations.current);
    DmvJsonBuilder b = {0};
    json_object *rendered = now ? dmv_render_generation(&m->generations, now) : NULL, *selections = NULL;

    dmv_jb_object(&b);
    dmv_jb_int(&b, "generation", now ? now->number : 0);
    dmv_jb_int(&b, "restored", restored);
    dmv_jb_bool(&b, "rebootNeeded", m->view.reboot_needed || staged != NULL);
    if (rendered && json_object_object_get_ex(rendered, "selections", &selections))
        dmv_jb_value(&b, "selections", json_object_get(selections));
    if (rendered)
        json_object_put(rendered);
    return dmv_jb_end(&b);
}

static json_object *after_rollback(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    (void)changed;
    (void)kernels;
    return rollback_reply(m, *(int64_t *)userdata);
}

/* The intent of the generation that is gone back to. */
static int intent_of_generation(DmvManager *m, int64_t number, DmvIntent *ret, DmvError *e)
{
    const DmvGeneration *g = dmv_generations_find(&m->generations, number);

    if (number == 0) {
        *ret = (DmvIntent){0};
        return 0;
    }
    if (!g || g->state == DMV_GENERATION_STAGED)
        return dmv_error_set(e, DMV_NO_SUCH_GENERATION, NULL, "dmvctl generations", "generation %lld is not kept",
                             (long long)number);
    return dmv_intent_copy(&g->intent, ret);
}

/* Pins of today hold for the driver, whatever the generation said of pins then. */
static int keep_pins(const DmvManager *m, DmvIntent *to)
{
    for (size_t i = 0; i < to->n; i++) {
        const DmvSelection *now = dmv_intent_find(&m->intent, to->items[i].driver);
        int r;

        (void)dmv_intent_unpin(to, to->items[i].driver);
        r = now && now->pinned ? dmv_intent_pin(to, now->driver, now->pin_reason, now->pin_until) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_rollback_pins(const DmvManager *m, const DmvIntent *to, DmvError *e)
{
    for (size_t i = 0; i < m->intent.n; i++) {
        const DmvSelection *now = &m->intent.items[i], *then = dmv_intent_find(to, now->driver);
        const DmvViewDriver *d = dmv_view_driver(&m->view, now->driver);
        bool same = then && then->kind == now->kind && dmv_streq(then->variant, now->variant) &&
                    dmv_streq(then->version, now->version);

        if (d && d->pinned && !same)
            return check_pin(d, e);
    }
    return 0;
}

static int on_rollback(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    const char *because = NULL;
    int64_t target = -1, *cookie;
    bool now = true, dry = false;
    const DmvJsonField fields[] = {
        {"generation", DMV_JSON_INT, 0, &target},
        {"now", DMV_JSON_BOOL, 0, &now},
        {"because", DMV_JSON_STRING, 0, &because},
        {"dryRun", DMV_JSON_BOOL, 0, &dry},
    };
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = check_free(m, &e);
    if (r == 0 && target < 0)
        r = dmv_generations_rollback_target(&m->generations, &target);
    if (r == DMV_NOTHING_TO_ROLL_BACK)
        r = dmv_error_set(&e, r, NULL, "dmvctl status", "nothing was activated yet");
    if (r == 0)
        r = intent_of_generation(m, target, &intent, &e);
    if (r == 0)
        r = check_rollback_pins(m, &intent, &e);
    if (r == 0)
        r = keep_pins(m, &intent);
    if (r == 0 && dry)
        return dmv_reply(call, rollback_reply(m, target));
    if (r == 0)
        r = dmv_manager_set_intent(m, &intent, &e);
    if (r != 0)
        return fail(call, &e, r, "roll back", "the host");
    if (!now) {
        dmv_state_record(m, uid_of(call), "rollback", NULL, 0, NULL, because, target);
        return dmv_reply(call, rollback_reply(m, target));
    }
    cookie = malloc(sizeof(*cookie));
    if (!cookie)
        return -ENOMEM;
    *cookie = target;
    r = dmv_job_apply(m, call, "rollback", NULL, because, after_rollback, cookie, &e);
    return r == 0 ? 0 : fail(call, &e, r, "roll back", "the host");
}

static int on_commit(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJsonBuilder b = {0};
    int r = check_free(m, &e);

    (void)params;
    if (r == 0)
        r = dmv_generations_commit(&m->generations);
    if (r == DMV_NO_SUCH_GENERATION)
        r = dmv_error_set(&e, r, NULL, "dmvctl activate", "nothing was activated yet");
    if (r == 0)
        r = dmv_state_save_generation(m, dmv_generations_find(&m->generations, m->generations.current));
    if (r != 0)
        return fail(call, &e, r, "commit", "the current generation");
    dmv_state_record(m, uid_of(call), "commit", NULL, 0, NULL, NULL, m->generations.current);
    dmv_jb_object(&b);
    dmv_jb_int(&b, "generation", m->generations.current);
    return dmv_reply(call, dmv_jb_end(&b));
}

/* What the plan says will change, a line each. */
static json_object *changes_of(const DmvPlan *plan)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < plan->n_predictions; i++) {
        const DmvPrediction *x = &plan->predictions[i];
        DMV_CLEANUP_FREE char *line = NULL;

        if (!x->changed)
            continue;
        if (asprintf(&line, "kernel %s: %s: %s -> %s", x->kernel, x->module, x->now_release ? x->now_release : "nothing",
                     x->next_release ? x->next_release : "nothing") < 0)
            line = NULL;
        dmv_jb_add_string(&list, line ? line : "");
    }
    return dmv_jb_end(&list);
}

static json_object *rescan_reply(DmvManager *m, bool changed, json_object *changes, bool staged)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_bool(&b, "changed", changed);
    dmv_jb_value(&b, "changes", changes);
    dmv_jb_bool(&b, "staged", staged);
    dmv_jb_bool(&b, "rebootNeeded", m->view.reboot_needed);
    return dmv_jb_end(&b);
}

static json_object *after_rescan(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    DmvJsonBuilder list = {0};

    (void)userdata;
    dmv_jb_array(&list);
    for (; kernels && *kernels; kernels++)
        dmv_jb_add_string(&list, *kernels);
    return rescan_reply(m, changed, dmv_jb_end(&list), false);
}

static int on_rescan(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    bool now = false;
    const DmvJsonField fields[] = {{"now", DMV_JSON_BOOL, 0, &now}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = check_free(m, &e);
    if (r == 0)
        r = dmv_manager_look(m);
    if (r == 0 && m->plan_error.code > 0) {
        r = m->plan_error.code;
        (void)dmv_error_set(&e, r, NULL, m->plan_error.next, "%s", m->plan_error.why ? m->plan_error.why : "");
    }
    if (r == 0 && !dmv_plan_is_empty(&m->plan)) {
        r = dmv_intent_copy(&m->intent, &intent);
        if (r == 0)
            r = dmv_manager_set_intent(m, &intent, &e);
    }
    if (r != 0)
        return fail(call, &e, r, "rescan", "the host");
    dmv_manager_publish(m, "world_changed", NULL, NULL);
    if (!now || dmv_plan_is_empty(&m->plan))
        return dmv_reply(call, rescan_reply(m, !dmv_plan_is_empty(&m->plan), changes_of(&m->plan),
                                            dmv_generations_staged(&m->generations) != NULL));
    r = dmv_job_apply(m, call, "rescan", NULL, NULL, after_rescan, NULL, &e);
    return r == 0 ? 0 : fail(call, &e, r, "rescan", "the host");
}

int dmv_methods_bind_change(DmvManager *m)
{
    static const struct {
        const char *name;
        VlHandler handler;
    } methods[] = {
        {DMV_INTERFACE ".Refresh", on_refresh},   {DMV_INTERFACE ".Install", on_install},
        {DMV_INTERFACE ".Remove", on_remove},     {DMV_INTERFACE ".Select", on_select},
        {DMV_INTERFACE ".Deselect", on_deselect}, {DMV_INTERFACE ".Pin", on_pin},
        {DMV_INTERFACE ".Unpin", on_unpin},       {DMV_INTERFACE ".Activate", on_activate},
        {DMV_INTERFACE ".Rollback", on_rollback}, {DMV_INTERFACE ".Commit", on_commit},
        {DMV_INTERFACE ".Rescan", on_rescan},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(methods); i++)
        r = vl_server_bind(m->server, methods[i].name, methods[i].handler, VL_PRIVILEGED, m);
    return r;
}
