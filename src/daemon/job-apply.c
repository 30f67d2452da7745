/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Apply. The apply worker does the steps of the plan as one transaction and keeps its journal; the daemon
 * looks at the host again, compares it with what the plan predicted, and then confirms the transaction or has
 * it undone.
 */
#include <errno.h>
#include <string.h>

#include "daemon/boot.h"
#include "daemon/job-apply.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "daemon/staging.h"
#include "model/render.h"

static void apply_free(void *data)
{
    DmvApplyJob *x = data;

    dmv_plan_deinit(&x->plan);
    dmv_intent_deinit(&x->before);
    dmv_error_clear(&x->failure);
    free(x->userdata);
    free(x);
}

static void look_or_log(DmvManager *m)
{
    int r = dmv_manager_look(m);

    if (r < 0)
        dmv_log(LOG_ERR, "the host cannot be looked at: %s", strerror(-r));
}

/* ---- success ---- */

static void forget_old_generations(DmvManager *m)
{
    DMV_CLEANUP_FREE int64_t *numbers = NULL;
    size_t n = 0;

    if (dmv_generations_prune(&m->generations, m->settings.keep_generations, &numbers, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        dmv_state_forget_generation(m, numbers[i]);
}

static void activated(DmvJob *j, bool changed)
{
    DmvApplyJob *x = j->data;
    DmvManager *m = j->m;
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    int64_t number = staged ? staged->number : m->generations.current;
    int r = 0;

    if (x->switches) {
        if (!changed) /* else it was stored before the confirmation */
            r = dmv_state_save_boot(m, &x->next);
        if (r < 0)
            dmv_log(LOG_ERR, "the trial of generation %lld is not stored: %s", (long long)number,
                    strerror(-r));
        dmv_boot_adopt(m, &x->next);
    }
    if (staged) {
        r = dmv_staging_activated(m);
        if (r < 0)
            dmv_log(LOG_ERR, "generation %lld is active, but that cannot be stored: %s", (long long)number,
                    strerror(-r));
        forget_old_generations(m);
        dmv_manager_publish(m, "generation_changed", NULL, NULL);
    } else if (dmv_staging_arrived(m) < 0) {
        dmv_log(LOG_WARNING, "what was wanted before stays on the disk until the next start, ignoring");
    }
    if (changed)
        dmv_log_event(LOG_NOTICE, DMV_MESSAGE_GENERATION_ACTIVATED, j->action, j->object, 0,
                      "generation %lld is active", (long long)number);
    dmv_job_finish(j, NULL, x->reply(m, changed, x->plan.kernels, x->userdata), number);
}

/* The state of a switch that failed must not outlive it. */
static void take_back(DmvJob *j)
{
    DmvApplyJob *x = j->data;

    if (x->stored && dmv_boot_take_back(j->m) < 0)
        dmv_log(LOG_WARNING, "the state of the switch stays on the disk until the next boot, ignoring");
    x->stored = false;
}

/* It has no entry of its own: what is left of the trial before is only in the way. */
static void on_dropped(DmvJob *j, int code, DmvError *e)
{
    const DmvApplyJob *x = j->data;

    if (code != 0)
        dmv_log(LOG_WARNING, "the boot entry of the trial before stays, ignoring: %s",
                e->why ? e->why : dmv_outcome_reason(code));
    x->succeeded(j, true);
}

/* A worker that died, or was given up, has left a change half way: it is undone now and not with the next
 * start. */
static void end_failed(DmvJob *j, DmvError *e)
{
    const DmvApplyJob *x = j->data;
    DmvManager *m = j->m;

    take_back(j);
    look_or_log(m);
    x->failed(j, e);
    if (!m->job && dmv_job_recovery_is_due(m) && dmv_job_recover(m, look_or_log) < 0)
        dmv_log(LOG_ERR, "what was interrupted cannot be undone before the next start");
}

/* A worker went away before it could say so. Without a journal it has confirmed the change, or it has undone
 * it because we seemed to be gone. */
static bool is_final(DmvJob *j)
{
    DmvManager *m = j->m;

    return !dmv_job_has_journal(m) && dmv_manager_look(m) == 0 && m->plan_error.code == 0 &&
           dmv_plan_is_empty(&m->plan);
}

static void on_confirmed(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    DmvApplyJob *x = j->data;
    const DmvBootActions drop = {.set = x->actions.set & DMV_BOOT_DO_DISARM};

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code == DMV_WORKER_FAILED && is_final(j))
        code = 0;
    if (code == 0) {
        if (!x->switches || x->one_shot || !drop.set || dmv_job_call_trial(j, &drop, on_dropped, e) != 0)
            x->succeeded(j, true);
        return;
    }
    /* without the confirmation the worker, or the next start, undoes it */
    e->code = code;
    (void)dmv_error_set_what(e, "the change was not confirmed and is undone");
    end_failed(j, e);
}

/* ---- failure ---- */

static void fail(DmvJob *j, DmvError *e)
{
    DmvApplyJob *x = j->data;

    dmv_log_event(LOG_ERR, DMV_MESSAGE_CHANGE_UNDONE, j->action, j->object, e->code,
                  "the change was undone: %s", e->why ? e->why : dmv_outcome_reason(e->code));
    dmv_error_move(&x->failure, e);
    end_failed(j, &x->failure);
}

static void on_undone(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                      DmvError *e)
{
    DmvJob *j = userdata;
    DmvApplyJob *x = j->data;
    DMV_CLEANUP_ERROR DmvError failure = {0};

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    dmv_error_move(&failure, &x->failure);
    if (code != 0)
        (void)dmv_error_set(&failure, DMV_STATE_BROKEN,
                            "the change could not be verified, and undoing it failed too", "dmvctl doctor",
                            "%s", e->why ? e->why : dmv_outcome_reason(code));
    fail(j, &failure);
}

/* ---- in between ---- */

static void undo(DmvJob *j, const char *what, int code, DmvError *e)
{
    DmvApplyJob *x = j->data;
    int r;

    (void)dmv_error_set_what(e, "%s; every file is as before", what);
    e->code = code;
    dmv_error_move(&x->failure, e);
    r = dmv_worker_call(j->apply, "Undo", json_object_new_object(), -1, false, on_undone, j);
    if (r < 0) {
        (void)dmv_error_set(e, r, "the change is undone", NULL, "%s", strerror(-r));
        fail(j, e);
    }
}

static void confirm(DmvJob *j, DmvError *e)
{
    int r = dmv_worker_call(j->apply, "Confirm", json_object_new_object(), -1, false, on_confirmed, j);

    if (r < 0) {
        (void)dmv_error_set(e, r, "the change is undone", NULL, "%s", strerror(-r));
        fail(j, e);
    }
}

static void on_armed(DmvJob *j, int code, DmvError *e)
{
    const DmvBootEvent armed = {.kind = DMV_BOOT_ON_ARMED};
    DmvBootActions none;
    DmvApplyJob *x = j->data;

    if (code == 0)
        code = dmv_boot_step(&x->next, &armed, &none);
    if (code == 0)
        code = dmv_state_save_boot(j->m, &x->next);
    if (code == 0) {
        confirm(j, e);
        return;
    }
    undo(j, "the trial cannot have an entry of the boot loader", code, e);
}

/* The machine's state after the switch is on the disk before the switch is final. */
static int store_switch(DmvJob *j, DmvError *e)
{
    DmvApplyJob *x = j->data;
    int r = dmv_boot_ask(j->m, x->admin, x->one_shot, &x->next, &x->actions, e);

    if (r == 0)
        r = dmv_state_save_boot(j->m, &x->next);
    x->stored = r == 0;
    return r;
}

static void check_and_decide(DmvJob *j)
{
    DmvApplyJob *x = j->data;
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r;

    dmv_job_progress(j, "verify", -1, -1);
    r = dmv_manager_look(j->m);
    if (r == 0)
        r = dmv_plan_check(&x->plan, &j->m->world, &e);
    if (r == 0 && x->switches)
        r = store_switch(j, &e);
    if (r == 0 && x->switches && (x->actions.set & DMV_BOOT_DO_ARM)) {
        const DmvBootActions arm = {.set = DMV_BOOT_DO_ARM, .generation = x->actions.generation};

        r = dmv_job_call_trial(j, &arm, on_armed, &e);
        if (r == 0)
            return;
    }
    if (r == 0)
        confirm(j, &e);
    else
        undo(j, "the result is not what was planned", r, &e);
}

/* The change is made all the same; the forecast says what to do as long as it is so. Until somebody does it
 * the next boot loads the old driver, so this is said as an error. */
static void log_problems(char *const *problems)
{
    for (; problems && *problems; problems++)
        dmv_log(LOG_ERR, "%s", *problems);
}

static void on_applied(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                       bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    int64_t done = -1, total = -1;
    const char *message = NULL;
    DMV_CLEANUP_STRV char **problems = NULL;
    const DmvJsonField fields[] = {{"done", DMV_JSON_INT, 0, &done},
                                   {"total", DMV_JSON_INT, 0, &total},
                                   {"message", DMV_JSON_STRING, 0, &message},
                                   {"problems", DMV_JSON_STRV, 0, (void *)&problems},
                                   {"trial", DMV_JSON_BOOL, 0, &((DmvApplyJob *)j->data)->one_shot}};

    (void)fds;
    (void)n_fds;
    if (code == 0)
        code = dmv_worker_read(params, fields, DMV_N_ELEMENTS(fields), e);
    if (code == 0 && continues) {
        dmv_job_progress(j, message ? message : "apply", done, total);
        return;
    }
    if (code == 0) {
        log_problems(problems);
        check_and_decide(j);
        return;
    }
    e->code = code;
    if (!e->what)
        (void)dmv_error_set_what(e, "cannot apply the plan; every file is as before");
    fail(j, e);
}

static int call_apply(DmvJob *j, DmvError *e)
{
    DmvApplyJob *x = j->data;
    const DmvGeneration *staged = dmv_generations_staged(&j->m->generations);
    DmvJsonBuilder b = {0};
    int r = j->apply ? 0 : dmv_worker_new(j->m, DMV_WORKER_APPLY, &j->apply, e);

    if (r != 0)
        return r;
    dmv_jb_object(&b);
    dmv_jb_int(&b, "generation", staged ? staged->number : j->m->generations.current);
    dmv_jb_value(&b, "steps", dmv_render_steps(&x->plan));
    if (x->trial)
        dmv_jb_bool(&b, "trial", true);
    return dmv_worker_call(j->apply, "Apply", dmv_jb_end(&b), -1, true, on_applied, j);
}

/* Somebody has asked for it, and the next boot does it; only what a rollback has staged on its way goes. */
static void say_staged(const DmvJob *j, DmvError *e)
{
    const DmvGeneration *staged = dmv_generations_staged(&j->m->generations);
    DMV_CLEANUP_FREE char *what = NULL;

    if (staged && !j->m->before.set && e->what && dmv_set_string(&what, e->what) == 0)
        (void)dmv_error_set_what(e, "%s; generation %lld stays staged", what, (long long)staged->number);
}

static void not_applied(DmvJob *j, DmvError *e)
{
    say_staged(j, e);
    dmv_staging_stay(j->m);
    dmv_job_finish(j, e, NULL, -1);
}

int dmv_apply_job_new(DmvManager *m, VlCall *call, const char *action, const char *object,
                      DmvApplyReply reply, void *userdata, DmvJob **ret, DmvError *reterr)
{
    DmvApplyJob *x;
    DmvJob *j;
    int r = dmv_job_new(m, call, action, object, &j, reterr);

    x = r == 0 ? calloc(1, sizeof(*x)) : NULL;
    if (!x)
        free(userdata);
    if (r != 0)
        return r;
    j->changes_trees = true;
    if (x) {
        *x = (DmvApplyJob){.reply = reply,
                           .userdata = userdata,
                           .succeeded = activated,
                           .failed = not_applied,
                           .admin = true};
        j->data = x;
        j->free_data = apply_free;
    }
    *ret = j;
    return 0;
}

/* It must not fail for what a broken disk hides: the kernel's own drivers are better than the bad ones. */
static bool is_way_back(const DmvJob *j)
{
    const DmvApplyJob *x = j->data;

    return (x->actions.set & DMV_BOOT_DO_RESTORE) || dmv_streq(j->action, "rollback");
}

void dmv_apply_job_begin(DmvJob *j, int r, DmvError *e)
{
    DmvApplyJob *x = j->data;
    DmvManager *m = j->m;

    dmv_job_progress(j, "plan", -1, -1);
    if (r == 0)
        r = dmv_manager_look(m);
    if (r == 0 && !is_way_back(j))
        r = dmv_manager_check_sight(m, e);
    if (r == 0 && m->plan_error.code != 0) {
        r = m->plan_error.code;
        (void)dmv_error_set(e, r, "there is no plan", m->plan_error.next, "%s",
                            m->plan_error.why ? m->plan_error.why : "");
    }
    if (r == 0 && dmv_plan_is_empty(&m->plan) && !(x->switches && m->boot.one_shot)) {
        x->succeeded(j, false);
        return;
    }
    if (r == 0) {
        x->plan = m->plan;
        m->plan = (DmvPlan){0};
        r = dmv_manager_think(m);
    }
    if (r == 0)
        r = call_apply(j, e);
    if (r != 0) {
        e->code = r;
        x->failed(j, e);
    }
}

int dmv_apply_job_ask(DmvJob *j, DmvError *reterr)
{
    DmvApplyJob *x = j->data;
    int r;

    if (!dmv_boot_applies(j->m) || !dmv_generations_staged(&j->m->generations))
        return 0;
    r = dmv_boot_ask(j->m, x->admin, j->m->boot.one_shot, &x->next, &x->actions, reterr);
    x->switches = r == 0;
    x->trial = r == 0 && dmv_boot_check_entry(j->m, NULL) == 0;
    return r;
}

int dmv_job_apply(DmvManager *m, VlCall *call, const char *action, const char *object, const char *because,
                  DmvApplyReply reply, void *userdata, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJob *j;
    int r = dmv_apply_job_new(m, call, action, object, reply, userdata, &j, reterr);

    if (r != 0)
        return r;
    if (!j->data) {
        not_applied(j, &(DmvError){.code = -ENOMEM});
        return 0;
    }
    r = dmv_set_string(&j->because, because);
    if (r == 0)
        r = dmv_apply_job_ask(j, &e);
    dmv_apply_job_begin(j, r, &e);
    return 0;
}
