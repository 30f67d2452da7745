/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* activate, rollback, commit, rescan: plans that are applied. */
#include <errno.h>
#include <string.h>

#include "daemon/boot.h"
#include "daemon/guests.h"
#include "daemon/health.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "daemon/staging.h"
#include "daemon/vouchers.h"
#include "dmv/interface.h"
#include "model/render.h"

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

static json_object *activate_dry_run(DmvManager *m)
{
    DmvJsonBuilder b = {.value = after_activate(m, !dmv_plan_is_empty(&m->plan), m->plan.kernels, NULL)};

    dmv_jb_value(&b, "lifelines", dmv_method_lifelines(m));
    dmv_guests_add_plan(m, &b);
    return dmv_jb_end(&b);
}

/* Nobody can answer at a shutdown: what may not be carried out stays staged, and the host comes up as it was.
 */
static bool may_switch_at_shutdown(const DmvManager *m)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_vouchers_enforce(m, &e);

    if (r != 0)
        dmv_log(LOG_WARNING, "what is staged stays so: %s", e.why ? e.why : strerror(-r));
    return r == 0;
}

/* The machine is told that the host goes down, and then of what was staged; while it goes back that waits. */
static int activate_at_shutdown(DmvManager *m, VlCall *call)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    char id[DMV_BOOT_ID_SIZE];
    DmvBootActions actions = {0};
    DmvBootEvent event;
    int r = dmv_method_check_free(m, &e);

    if (r == 0 && m->has_boot) {
        r = dmv_boot_event(m, DMV_BOOT_ON_SHUTDOWN, id, &event, &e);
        if (r == 0)
            r = dmv_boot_tell(m, &event, &actions, &e);
    }
    if (r == 0 && !actions.set && !dmv_generations_staged(&m->generations))
        return dmv_reply(call, after_activate(m, false, NULL, NULL));
    if (r == 0)
        r = dmv_job_boot(m, call,
                         &(DmvBootTask){.action = "activate",
                                        .actions = actions,
                                        .shutdown = may_switch_at_shutdown(m),
                                        .reply = after_activate},
                         &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "activate", "the plan");
}

static int on_activate(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvConsent consent = {.now = false}; /* the next boot is the trial of what is activated */
    bool dry = false, shutdown = false;
    const DmvJsonField fields[] = {{"dryRun", DMV_JSON_BOOL, 0, &dry},
                                   {"acceptLifeline", DMV_JSON_BOOL, 0, &consent.accept_lifeline},
                                   {"acceptGuests", DMV_JSON_BOOL, 0, &consent.accept_guests},
                                   {"shutdown", DMV_JSON_BOOL, 0, &shutdown}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (shutdown && !dry)
        return activate_at_shutdown(m, call);
    if ((dry || dmv_guests_may_refuse(m, &consent)) && dmv_guests_wait(m, call, params, on_activate))
        return 0;
    r = dry ? 0 : dmv_method_check_free(m, &e);
    if (r == 0)
        r = dmv_manager_check_plan(m, &consent, &e);
    if (r != 0)
        return dmv_method_fail(call, &e, r, "activate", "the plan");
    if (dry)
        return dmv_reply(call, activate_dry_run(m));
    if (dmv_generations_staged(&m->generations))
        dmv_health_remember(m);
    r = dmv_job_apply(m, call, "activate", NULL, NULL, after_activate, NULL, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "activate", "the plan");
}

static json_object *rollback_reply(DmvManager *m, int64_t restored)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    const DmvGeneration *now =
        staged ? staged : dmv_generations_find(&m->generations, m->generations.current);
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
static int intent_of_generation(const DmvManager *m, int64_t number, DmvIntent *ret, DmvError *e)
{
    const DmvGeneration *g = dmv_generations_find(&m->generations, number);

    if (number == 0) {
        *ret = (DmvIntent){0};
        return 0;
    }
    if (!g || g->state == DMV_GENERATION_STAGED)
        return dmv_error_set(e, DMV_NO_SUCH_GENERATION, NULL, "dmvctl generations",
                             "generation %lld is not kept", (long long)number);
    return dmv_intent_copy(&g->intent, ret);
}

/* Pins of today hold for the driver, whatever the generation said of pins then. */
static int keep_pins(const DmvIntent *today, DmvIntent *to)
{
    for (size_t i = 0; i < to->n; i++) {
        const DmvSelection *now = dmv_intent_find(today, to->items[i].driver);
        int r;

        (void)dmv_intent_unpin(to, to->items[i].driver);
        r = now && now->pinned ? dmv_intent_pin(to, now->driver, now->pin_reason, now->pin_until) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int dmv_method_earlier_intent(const DmvManager *m, int64_t number, const DmvIntent *today, DmvIntent *ret,
                              DmvError *e)
{
    int r = intent_of_generation(m, number, ret, e);

    return r == 0 ? keep_pins(today, ret) : r;
}

static int check_rollback_pins(const DmvManager *m, const DmvIntent *to, DmvError *e)
{
    for (size_t i = 0; i < m->intent.n; i++) {
        const DmvSelection *now = &m->intent.items[i], *then = dmv_intent_find(to, now->driver);
        const DmvViewDriver *d = dmv_view_driver(&m->view, now->driver);
        bool same = then && then->kind == now->kind && dmv_streq(then->variant, now->variant) &&
                    dmv_streq(then->version, now->version);

        if (d && d->pinned && !same)
            return dmv_method_check_pin(d, e);
    }
    return 0;
}

/* What is selected now is no question of going back; what a publisher has withdrawn meanwhile is. */
static int check_rollback_revoked(const DmvManager *m, const DmvIntent *to, DmvError *e)
{
    for (size_t i = 0; i < to->n; i++) {
        const DmvSelection *s = &to->items[i];
        const DmvViewDriver *d = dmv_view_driver(&m->view, s->driver);
        const DmvViewRelease *r =
            d && s->kind == DMV_SELECT_RELEASE ? dmv_view_driver_release(d, s->variant, s->version) : NULL;

        if (r && r->verdict == DMV_VERDICT_REVOKED && !r->selected)
            return dmv_error_set(e, DMV_REVOKED, NULL, "--accept-revoked goes back all the same",
                                 "%s, which that generation has: %s", r->name, r->reasons[r->why]);
    }
    return 0;
}

/* Where the host boots, the boot machine goes back: nobody has to prove again what was in place before. */
static int go_back(DmvManager *m, VlCall *call, int64_t target, const char *because, DmvError *e)
{
    char id[DMV_BOOT_ID_SIZE];
    DmvBootActions actions;
    DmvBootEvent event;
    int64_t *cookie;
    int r = dmv_boot_event(m, DMV_BOOT_ON_ROLLBACK, id, &event, e);

    if (r != 0)
        return r;
    event.generation = target;
    event.reason = because;
    cookie = malloc(sizeof(*cookie));
    if (!cookie)
        return -ENOMEM;
    *cookie = target;
    r = dmv_boot_tell(m, &event, &actions, e);
    if (r != 0) {
        free(cookie);
        return r;
    }
    return dmv_job_boot(m, call,
                        &(DmvBootTask){.action = "rollback",
                                       .actions = actions,
                                       .drop_staged = true,
                                       .reply = after_rollback,
                                       .userdata = cookie},
                        e);
}

static int on_rollback(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    const char *because = NULL;
    int64_t target = -1, *cookie;
    bool now = true, dry = false, accept_revoked = false;
    const DmvJsonField fields[] = {
        {"generation", DMV_JSON_INT, 0, &target},
        {"now", DMV_JSON_BOOL, 0, &now},
        {"because", DMV_JSON_STRING, 0, &because},
        {"dryRun", DMV_JSON_BOOL, 0, &dry},
        {"acceptRevoked", DMV_JSON_BOOL, 0, &accept_revoked},
    };
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    r = dmv_method_check_free(m, &e);
    if (r == 0 && target < 0)
        r = dmv_generations_rollback_target(&m->generations, &target);
    if (r == DMV_NOTHING_TO_ROLL_BACK)
        r = dmv_error_set(&e, r, NULL, "dmvctl status", "nothing was activated yet");
    if (r == 0)
        r = dmv_method_earlier_intent(m, target, &m->intent, &intent, &e);
    if (r == 0)
        r = check_rollback_pins(m, &intent, &e);
    if (r == 0 && !accept_revoked)
        r = check_rollback_revoked(m, &intent, &e);
    if (r == 0 && dry)
        return dmv_reply(call, rollback_reply(m, target));
    if (r == 0 && now && dmv_boot_applies(m)) {
        r = go_back(m, call, target, because, &e);
        return r == 0 ? 0 : dmv_method_fail(call, &e, r, "roll back", "the host");
    }
    if (r == 0)
        r = now ? dmv_staging_go_back(m, &intent, &e) : dmv_manager_set_intent(m, &intent, &e);
    if (r != 0)
        return dmv_method_fail(call, &e, r, "roll back", "the host");
    if (!now) {
        dmv_state_record(m, dmv_method_uid(call), "rollback", NULL, 0, NULL, because, target);
        return dmv_reply(call, rollback_reply(m, target));
    }
    cookie = malloc(sizeof(*cookie));
    if (cookie)
        *cookie = target;
    r = cookie ? dmv_job_apply(m, call, "rollback", NULL, because, after_rollback, cookie, &e) : -ENOMEM;
    if (r != 0)
        dmv_staging_stay(m);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "roll back", "the host");
}

static json_object *commit_reply(const DmvManager *m)
{
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    dmv_jb_int(&b, "generation", m->generations.current);
    return dmv_jb_end(&b);
}

static json_object *after_commit(DmvManager *m, bool changed, char *const *kernels, void *userdata)
{
    (void)changed;
    (void)kernels;
    (void)userdata;
    return commit_reply(m);
}

/* @ret: what a job has to do for it. */
static int commit_boot(DmvManager *m, DmvBootActions *ret, DmvError *e)
{
    char id[DMV_BOOT_ID_SIZE];
    DmvBootEvent event;
    int r = dmv_boot_event(m, DMV_BOOT_ON_COMMIT, id, &event, e);

    return r == 0 ? dmv_boot_tell(m, &event, ret, e) : r;
}

static int on_commit(VlCall *call, json_object *params, void *userdata)
{
    DmvManager *m = userdata;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvBootActions actions = {0};
    int r = dmv_method_check_free(m, &e);

    (void)params;
    if (r == 0 && dmv_boot_applies(m) && (m->generations.current > 0 || m->boot.phase != DMV_BOOT_GOOD))
        r = commit_boot(m, &actions, &e);
    else if (r == 0)
        r = dmv_state_commit(m);
    if (r == DMV_NO_SUCH_GENERATION)
        r = dmv_error_set(&e, r, NULL, "dmvctl activate", "nothing was activated yet");
    if (r == 0 && actions.set) {
        r = dmv_job_boot(m, call,
                         &(DmvBootTask){.action = "commit", .actions = actions, .reply = after_commit}, &e);
        if (r == 0)
            return 0;
    }
    if (r != 0)
        return dmv_method_fail(call, &e, r, "commit", "the current generation");
    dmv_state_record(m, dmv_method_uid(call), "commit", NULL, 0, NULL, NULL, m->generations.current);
    return dmv_reply(call, commit_reply(m));
}

static bool changes_modules_of(const DmvPlan *plan, const char *kernel)
{
    for (size_t i = 0; i < plan->n_predictions; i++)
        if (plan->predictions[i].changed && strcmp(plan->predictions[i].kernel, kernel) == 0)
            return true;
    return false;
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
        if (asprintf(&line, "kernel %s: %s: %s -> %s", x->kernel, x->module,
                     x->now_release ? x->now_release : "nothing",
                     x->next_release ? x->next_release : "nothing") < 0)
            line = NULL;
        dmv_jb_add_string(&list, line ? line : "");
    }
    for (char **k = plan->kernels; k && *k; k++) {
        DMV_CLEANUP_FREE char *line = NULL;

        if (changes_modules_of(plan, *k))
            continue;
        if (asprintf(&line, "kernel %s: the index is made anew", *k) < 0)
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
    DmvConsent consent = {.now = false};
    const DmvJsonField fields[] = {{"now", DMV_JSON_BOOL, 0, &consent.now},
                                   {"acceptGuests", DMV_JSON_BOOL, 0, &consent.accept_guests}};
    int r;

    (void)dmv_json_read(params, "call", fields, DMV_N_ELEMENTS(fields), true, NULL);
    if (dmv_guests_may_refuse(m, &consent) && dmv_guests_wait(m, call, params, on_rescan))
        return 0;
    r = dmv_method_check_free(m, &e);
    if (r == 0)
        r = dmv_manager_look(m);
    if (r == 0 && m->plan_error.code > 0) {
        r = m->plan_error.code;
        (void)dmv_error_set(&e, r, NULL, m->plan_error.next, "%s",
                            m->plan_error.why ? m->plan_error.why : "");
    }
    if (r == 0)
        r = dmv_guests_check(m, &consent, &e);
    if (r == 0 && !dmv_plan_is_empty(&m->plan)) {
        r = dmv_intent_copy(&m->intent, &intent);
        if (r == 0)
            r = dmv_manager_set_intent(m, &intent, &e);
    }
    if (r != 0)
        return dmv_method_fail(call, &e, r, "rescan", "the host");
    dmv_manager_publish(m, "world_changed", NULL, NULL);
    if (!consent.now || dmv_plan_is_empty(&m->plan))
        return dmv_reply(call, rescan_reply(m, !dmv_plan_is_empty(&m->plan), changes_of(&m->plan),
                                            dmv_generations_staged(&m->generations) != NULL));
    r = dmv_job_apply(m, call, "rescan", NULL, NULL, after_rescan, NULL, &e);
    return r == 0 ? 0 : dmv_method_fail(call, &e, r, "rescan", "the host");
}

int dmv_methods_bind_generation(DmvManager *m)
{
    static const DmvMethod methods[] = {
        {DMV_INTERFACE ".Activate", on_activate},
        {DMV_INTERFACE ".Rollback", on_rollback},
        {DMV_INTERFACE ".Commit", on_commit},
        {DMV_INTERFACE ".Rescan", on_rescan},
    };

    return dmv_methods_bind(m, methods, DMV_N_ELEMENTS(methods));
}
