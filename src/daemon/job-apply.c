/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Apply and recover. The apply worker does the steps of the plan as one transaction and keeps its journal;
 * the daemon looks at the host again, compares it with what the plan predicted, and then confirms the
 * transaction or has it undone.
 */
#include <errno.h>
#include <string.h>

#include "daemon/boot.h"
#include "daemon/job.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "model/render.h"

typedef struct Apply {
    DmvPlan plan; /* as it was applied */
    DmvApplyReply reply;
    void *userdata;
    DmvError failure;
    void (*recovered)(DmvManager *m);

    bool switches; /* to the staged generation, and the boot machine knows */
    bool admin;    /* because somebody asks for it now */
    bool trial;    /* the boot loader can have an entry for it */
    bool one_shot; /* it needs that */
    bool stored;   /* the machine's state after the switch is on the disk */
    DmvBoot next;
    DmvBootActions actions; /* that the switch leads to, or that the boot machine has asked for */

    bool shutdown;
    bool restores; /* an earlier generation, for the boot machine */
    bool drop_staged;
    int64_t restored;
    DmvIntent before; /* what was wanted until then */
} Apply;

static void apply_free(void *data)
{
    Apply *x = data;

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

/* What waits for the next reboot stays wanted, unless somebody has gone back by hand. */
static void settle_intent(DmvManager *m, Apply *x)
{
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);

    if (staged && x->drop_staged) {
        dmv_state_forget_generation(m, staged->number);
        dmv_generations_unstage(&m->generations);
    } else if (staged) {
        dmv_intent_deinit(&m->intent);
        m->intent = x->before;
        x->before = (DmvIntent){0};
    }
}

static void succeed_restoring(DmvJob *j, bool changed)
{
    const DmvBootEvent done = {.kind = DMV_BOOT_ON_RESTORED};
    DMV_CLEANUP_ERROR DmvError e = {0};
    Apply *x = j->data;
    DmvManager *m = j->m;
    DmvBootActions actions;
    int r;

    settle_intent(m, x);
    dmv_generations_restored(&m->generations, x->restored);
    r = dmv_state_save(m);
    if (r == 0)
        r = dmv_boot_tell(m, &done, &actions, &e);
    if (r == 0)
        r = dmv_manager_think(m);
    if (r != 0) {
        e.code = r;
        dmv_job_finish(j, &e, NULL, x->restored);
        return;
    }
    dmv_manager_publish(m, "generation_changed", NULL, NULL);
    dmv_log_event(LOG_NOTICE, DMV_MESSAGE_GENERATION_ACTIVATED, j->action, j->object, 0,
                  "generation %lld is back: %s", (long long)x->restored, m->boot.reason);
    dmv_job_finish(j, NULL, x->reply(m, changed, x->plan.kernels, x->userdata), x->restored);
}

/* Ends a job that has failed; the boot machine counts it if it was to go back. */
static void give_up(DmvJob *j, DmvError *e)
{
    const DmvBootEvent failed = {.kind = DMV_BOOT_ON_NOT_RESTORED,
                                 .reason = e->why ? e->why : dmv_outcome_reason(e->code)};
    DMV_CLEANUP_ERROR DmvError lost = {0};
    Apply *x = j->data;
    DmvManager *m = j->m;
    DmvBootActions actions;

    if (x && x->restores) {
        dmv_intent_deinit(&m->intent);
        m->intent = x->before;
        x->before = (DmvIntent){0};
        if (dmv_boot_tell(m, &failed, &actions, &lost) != 0)
            dmv_log(LOG_ERR, "the failure to go back is not stored: %s",
                    lost.why ? lost.why : "out of memory");
        if (dmv_manager_think(m) < 0)
            dmv_log(LOG_ERR, "out of memory");
    }
    dmv_job_finish(j, e, NULL, -1);
}

static void succeed(DmvJob *j, bool changed)
{
    Apply *x = j->data;
    DmvManager *m = j->m;
    const DmvGeneration *staged = dmv_generations_staged(&m->generations);
    int64_t number = staged ? staged->number : m->generations.current;
    int r = 0;

    if (x->restores) {
        succeed_restoring(j, changed);
        return;
    }
    if (x->switches) {
        if (!changed) /* else it was stored before the confirmation */
            r = dmv_state_save_boot(m, &x->next);
        if (r < 0)
            dmv_log(LOG_ERR, "the trial of generation %lld is not stored: %s", (long long)number,
                    strerror(-r));
        dmv_boot_adopt(m, &x->next);
    }
    if (staged) {
        dmv_generations_activated(&m->generations, dmv_manager_now());
        r = dmv_state_save_generation(m, dmv_generations_find(&m->generations, number));
        if (r == 0)
            r = dmv_state_save(m);
        if (r < 0)
            dmv_log(LOG_ERR, "generation %lld is active, but that cannot be stored: %s", (long long)number,
                    strerror(-r));
        forget_old_generations(m);
        dmv_manager_publish(m, "generation_changed", NULL, NULL);
    }
    if (changed)
        dmv_log_event(LOG_NOTICE, DMV_MESSAGE_GENERATION_ACTIVATED, j->action, j->object, 0,
                      "generation %lld is active", (long long)number);
    dmv_job_finish(j, NULL, x->reply(m, changed, x->plan.kernels, x->userdata), number);
}

/* The state of a switch that failed must not outlive it. */
static void take_back(DmvJob *j)
{
    Apply *x = j->data;

    if (x->stored && dmv_boot_take_back(j->m) < 0)
        dmv_log(LOG_WARNING, "the state of the switch stays on the disk until the next boot, ignoring");
    x->stored = false;
}

/* It has no entry of its own: what is left of the trial before is only in the way. */
static void on_dropped(DmvJob *j, int code, DmvError *e)
{
    if (code != 0)
        dmv_log(LOG_WARNING, "the boot entry of the trial before stays, ignoring: %s",
                e->why ? e->why : dmv_outcome_reason(code));
    succeed(j, true);
}

static void on_confirmed(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    const Apply *x = j->data;
    const DmvBootActions drop = {.set = x->actions.set & DMV_BOOT_DO_DISARM};

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code == 0) {
        if (!x->switches || x->one_shot || !drop.set || dmv_job_call_trial(j, &drop, on_dropped, e) != 0)
            succeed(j, true);
        return;
    }
    /* without the confirmation the worker, or the next start, undoes it */
    e->code = code;
    (void)dmv_error_set_what(e, "the change was not confirmed and is undone");
    take_back(j);
    look_or_log(j->m);
    give_up(j, e);
}

/* ---- failure ---- */

static void fail(DmvJob *j, DmvError *e)
{
    Apply *x = j->data;

    dmv_log_event(LOG_ERR, DMV_MESSAGE_CHANGE_UNDONE, j->action, j->object, e->code,
                  "the change was undone: %s", e->why ? e->why : dmv_outcome_reason(e->code));
    dmv_error_move(&x->failure, e);
    take_back(j);
    look_or_log(j->m);
    give_up(j, &x->failure);
}

static void on_undone(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                      DmvError *e)
{
    DmvJob *j = userdata;
    Apply *x = j->data;
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
    Apply *x = j->data;
    int r;

    (void)dmv_error_set_what(e, "%s; everything is as before", what);
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
    Apply *x = j->data;

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
    Apply *x = j->data;
    int r = dmv_boot_ask(j->m, x->admin, x->one_shot, &x->next, &x->actions, e);

    if (r == 0)
        r = dmv_state_save_boot(j->m, &x->next);
    x->stored = r == 0;
    return r;
}

static void check_and_decide(DmvJob *j)
{
    Apply *x = j->data;
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
                                   {"trial", DMV_JSON_BOOL, 0, &((Apply *)j->data)->one_shot}};

    (void)fds;
    (void)n_fds;
    if (code == 0)
        code = dmv_json_read(params, "reply", fields, DMV_N_ELEMENTS(fields), true, e);
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
        (void)dmv_error_set_what(e, "cannot apply the plan; everything is as before");
    fail(j, e);
}

static int call_apply(DmvJob *j, DmvError *e)
{
    Apply *x = j->data;
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

static int job_with_data(DmvManager *m, VlCall *call, const char *action, const char *object, DmvJob **ret,
                         DmvError *reterr)
{
    DmvJob *j;
    int r = dmv_job_new(m, call, action, object, &j, reterr);

    if (r != 0)
        return r;
    j->changes_trees = true;
    j->data = calloc(1, sizeof(Apply));
    j->free_data = j->data ? apply_free : NULL;
    *ret = j;
    return 0;
}

/* Plans and calls the worker; @r: how it went until here. */
static void begin(DmvJob *j, int r, DmvError *e)
{
    Apply *x = j->data;
    DmvManager *m = j->m;

    dmv_job_progress(j, "plan", -1, -1);
    if (r == 0)
        r = dmv_manager_look(m);
    if (r == 0 && m->plan_error.code != 0) {
        r = m->plan_error.code;
        (void)dmv_error_set(e, r, "there is no plan", m->plan_error.next, "%s",
                            m->plan_error.why ? m->plan_error.why : "");
    }
    if (r == 0 && dmv_plan_is_empty(&m->plan) && !(x->switches && m->boot.one_shot)) {
        succeed(j, false);
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
        give_up(j, e);
    }
}

/* Asks the boot machine whether what is staged may be switched to, and whether the boot loader can help. */
static int prepare_switch(DmvJob *j, DmvError *e)
{
    Apply *x = j->data;
    int r;

    if (!dmv_boot_applies(j->m) || !dmv_generations_staged(&j->m->generations))
        return 0;
    r = dmv_boot_ask(j->m, x->admin, j->m->boot.one_shot, &x->next, &x->actions, e);
    x->switches = r == 0;
    x->trial = r == 0 && dmv_boot_check_entry(j->m, NULL) == 0;
    return r;
}

int dmv_job_apply(DmvManager *m, VlCall *call, const char *action, const char *object, const char *because,
                  DmvApplyReply reply, void *userdata, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJob *j;
    Apply *x;
    int r = job_with_data(m, call, action, object, &j, reterr);

    if (r != 0) {
        free(userdata);
        return r;
    }
    x = j->data;
    if (x)
        *x = (Apply){.reply = reply, .userdata = userdata, .admin = true};
    else
        free(userdata);
    r = x ? dmv_set_string(&j->because, because) : -ENOMEM;
    if (r == 0)
        r = prepare_switch(j, &e);
    begin(j, r, &e);
    return 0;
}

/* ---- what the boot machine asks for ---- */

static void restore(DmvJob *j)
{
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvManager *m = j->m;
    Apply *x = j->data;
    int r = dmv_set_string(&j->because, m->boot.reason);

    x->restores = true;
    x->before = m->intent;
    m->intent = (DmvIntent){0};
    if (r == 0)
        r = dmv_method_earlier_intent(m, x->restored, &x->before, &intent, &e);
    if (r == 0) {
        m->intent = intent;
        intent = (DmvIntent){0};
    }
    begin(j, r, &e);
}

/* The worker's part is done, or there is none. */
static void go_on(DmvJob *j)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvManager *m = j->m;
    Apply *x = j->data;

    if (x->actions.set & DMV_BOOT_DO_RESTORE)
        restore(j);
    else if (x->shutdown)
        begin(j, prepare_switch(j, &e), &e);
    else
        dmv_job_finish(j, NULL, x->reply(m, false, NULL, x->userdata), m->generations.current);
}

static void on_committing_armed(DmvJob *j, int code, DmvError *e)
{
    Apply *x = j->data;

    if (code == 0)
        (void)dmv_boot_done(j->m, DMV_BOOT_DO_ARM);
    else
        dmv_log(LOG_ERR, "the boot entry of the trial is not armed: %s",
                e->why ? e->why : dmv_outcome_reason(code));
    dmv_job_finish(j, &x->failure, NULL, -1);
}

/* Only a commit cannot do without it: the way back is by the default entry, which needs nothing. */
static void on_worker_done(DmvJob *j, int code, DmvError *e)
{
    Apply *x = j->data;
    DmvBootActions more = {0};
    int r = code == 0 ? dmv_boot_done(j->m, x->actions.set) : dmv_boot_not_done(j->m, x->actions.set, &more);

    if (code == 0)
        code = r;
    if (code == 0) {
        go_on(j);
        return;
    }
    dmv_log(LOG_ERR, "the boot entry or the images of the trial are not as they shall be: %s",
            e->why     ? e->why
            : code < 0 ? strerror(-code)
                       : dmv_outcome_reason(code));
    if (!(x->actions.set & DMV_BOOT_DO_COMMIT)) {
        go_on(j);
        return;
    }
    e->code = code;
    dmv_error_move(&x->failure, e);
    if (!more.set || dmv_job_call_trial(j, &more, on_committing_armed, NULL) != 0)
        dmv_job_finish(j, &x->failure, NULL, -1);
}

int dmv_job_boot(DmvManager *m, VlCall *call, const DmvBootTask *t, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJob *j;
    Apply *x;
    int r = job_with_data(m, call, t->action, NULL, &j, reterr);

    if (r != 0) {
        free(t->userdata);
        return r;
    }
    x = j->data;
    if (!x) {
        free(t->userdata);
        e.code = -ENOMEM;
        dmv_job_finish(j, &e, NULL, -1);
        return 0;
    }
    *x = (Apply){.reply = t->reply,
                 .userdata = t->userdata,
                 .actions = t->actions,
                 .shutdown = t->shutdown,
                 .restored = t->actions.fallback,
                 .drop_staged = t->drop_staged};
    if (!(t->actions.set & DMV_BOOT_FOR_WORKER)) {
        go_on(j);
        return 0;
    }
    r = dmv_job_call_trial(j, &t->actions, on_worker_done, &e);
    if (r != 0)
        on_worker_done(j, r, &e);
    return 0;
}

/* ---- recover ---- */

static void on_recovered(void *userdata, int code, json_object *params, int *fds, unsigned n_fds,
                         bool continues, DmvError *e)
{
    DmvJob *j = userdata;
    Apply *x = j->data;
    DmvManager *m = j->m;
    void (*recovered)(DmvManager * m) = x->recovered;
    const char *outcome = NULL;
    int64_t generation = -1;
    const DmvJsonField fields[] = {{"outcome", DMV_JSON_STRING, DMV_JSON_REQUIRED, &outcome},
                                   {"generation", DMV_JSON_INT, 0, &generation}};

    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code == 0)
        code = dmv_json_read(params, "reply", fields, DMV_N_ELEMENTS(fields), true, e);
    e->code = code;
    if (code == 0)
        dmv_log_event(LOG_NOTICE, DMV_MESSAGE_CHANGE_UNDONE, "recover", NULL, DMV_UNDONE,
                      "an interrupted transaction was found: %s", outcome);
    else if (!m->state_problem &&
             asprintf(&m->state_problem, "an interrupted transaction could not be undone: %s",
                      e->why ? e->why : dmv_outcome_reason(code)) < 0)
        m->state_problem = NULL;
    dmv_job_finish(j, e, json_object_new_object(), generation);
    recovered(m);
}

int dmv_job_recover(DmvManager *m, void (*done)(DmvManager *m))
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvJob *j;
    Apply *x;
    int r = job_with_data(m, NULL, "recover", NULL, &j, &e);

    if (r == DMV_STATE_BROKEN) { /* the state says that nothing may be changed, and an undo changes */
        done(m);
        return 0;
    }
    if (r != 0)
        return r < 0 ? r : -EBUSY;
    x = j->data;
    if (x)
        x->recovered = done;
    r = x ? dmv_worker_new(m, DMV_WORKER_APPLY, &j->apply, &e) : -ENOMEM;
    if (r == 0)
        r = dmv_worker_call(j->apply, "Recover", json_object_new_object(), -1, false, on_recovered, j);
    if (r == 0)
        return 0;
    if (asprintf(&m->state_problem, "an interrupted transaction cannot be undone: %s",
                 e.why   ? e.why
                 : r < 0 ? strerror(-r)
                         : dmv_outcome_reason(r)) < 0)
        m->state_problem = NULL;
    e.code = r;
    dmv_job_finish(j, &e, NULL, -1);
    done(m);
    return 0;
}
