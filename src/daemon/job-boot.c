/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the boot machine asks for: the images of a trial and the entry of the boot loader, which are the
 * worker's, and then the fallback, which is put in place like any other plan.
 */
#include <errno.h>

#include "daemon/boot.h"
#include "daemon/job-apply.h"
#include "daemon/log.h"
#include "daemon/methods.h"

/* ---- the worker's part ---- */

static const struct {
    DmvBootAction action;
    const char *method;
} calls[] = {
    {DMV_BOOT_DO_COMMIT, "PromoteTrial"},
    {DMV_BOOT_DO_DISARM, "DropTrial"},
    {DMV_BOOT_DO_ARM, "ArmTrial"},
};

static int call_next(DmvJob *j);

static void on_reply(void *userdata, int code, json_object *params, int *fds, unsigned n_fds, bool continues,
                     DmvError *e)
{
    DmvJob *j = userdata;

    (void)params;
    (void)fds;
    (void)n_fds;
    (void)continues;
    if (code == 0 && j->trial.left != 0) {
        code = call_next(j);
        if (code == 0)
            return;
    }
    j->trial.done(j, code, e);
}

static int call_next(DmvJob *j)
{
    DmvJsonBuilder b = {0};
    size_t i = 0;

    while (!(j->trial.left & (unsigned)calls[i].action))
        i++;
    j->trial.left &= ~(unsigned)calls[i].action;
    dmv_jb_object(&b);
    if (calls[i].action == DMV_BOOT_DO_ARM)
        dmv_jb_int(&b, "generation", j->trial.generation);
    return dmv_worker_call(j->apply, calls[i].method, dmv_jb_end(&b), -1, false, on_reply, j);
}

int dmv_job_call_trial(DmvJob *j, const DmvBootActions *actions, DmvTrialDone done, DmvError *reterr)
{
    int r = j->apply ? 0 : dmv_worker_new(j->m, DMV_WORKER_APPLY, &j->apply, reterr);

    if (r != 0)
        return r;
    j->trial.left = actions->set & DMV_BOOT_FOR_WORKER;
    j->trial.generation = actions->generation;
    j->trial.done = done;
    return call_next(j);
}

/* ---- the way back ---- */

/* What waits for the next reboot stays wanted, unless somebody has gone back by hand. */
static void settle_intent(DmvManager *m, DmvApplyJob *x)
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

static void restored(DmvJob *j, bool changed)
{
    const DmvBootEvent done = {.kind = DMV_BOOT_ON_RESTORED};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvApplyJob *x = j->data;
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

/* The boot machine counts it. */
static void not_restored(DmvJob *j, DmvError *e)
{
    const DmvBootEvent failed = {.kind = DMV_BOOT_ON_NOT_RESTORED,
                                 .reason = e->why ? e->why : dmv_outcome_reason(e->code)};
    DMV_CLEANUP_ERROR DmvError lost = {0};
    DmvApplyJob *x = j->data;
    DmvManager *m = j->m;
    DmvBootActions actions;

    dmv_intent_deinit(&m->intent);
    m->intent = x->before;
    x->before = (DmvIntent){0};
    if (dmv_boot_tell(m, &failed, &actions, &lost) != 0)
        dmv_log(LOG_ERR, "the failure to go back is not stored: %s", lost.why ? lost.why : "out of memory");
    if (dmv_manager_think(m) < 0)
        dmv_log(LOG_ERR, "out of memory");
    dmv_job_finish(j, e, NULL, -1);
}

static void restore(DmvJob *j)
{
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvManager *m = j->m;
    DmvApplyJob *x = j->data;
    int r = dmv_set_string(&j->because, m->boot.reason);

    x->succeeded = restored;
    x->failed = not_restored;
    x->before = m->intent;
    m->intent = (DmvIntent){0};
    if (r == 0)
        r = dmv_method_earlier_intent(m, x->restored, &x->before, &intent, &e);
    if (r == 0) {
        m->intent = intent;
        intent = (DmvIntent){0};
    }
    dmv_apply_job_begin(j, r, &e);
}

/* The worker's part is done, or there is none. */
static void go_on(DmvJob *j)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvManager *m = j->m;
    DmvApplyJob *x = j->data;

    if (x->actions.set & DMV_BOOT_DO_RESTORE)
        restore(j);
    else if (x->shutdown && dmv_generations_staged(&m->generations))
        dmv_apply_job_begin(j, dmv_apply_job_ask(j, &e), &e);
    else
        dmv_job_finish(j, NULL, x->reply(m, false, NULL, x->userdata), m->generations.current);
}

static void on_committing_armed(DmvJob *j, int code, DmvError *e)
{
    DmvApplyJob *x = j->data;

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
    DmvApplyJob *x = j->data;
    DmvBootActions more = {0};
    int r = code == 0 ? dmv_boot_done(j->m, x->actions.set) : dmv_boot_not_done(j->m, x->actions.set, &more);

    if (code == 0)
        code = r;
    if (code == 0) {
        go_on(j);
        return;
    }
    dmv_log(LOG_ERR, "the boot entry or the images of the trial are not as they shall be: %s",
            dmv_error_words(e, code));
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
    DmvApplyJob *x;
    int r = dmv_apply_job_new(m, call, t->action, NULL, t->reply, t->userdata, &j, reterr);

    if (r != 0)
        return r;
    x = j->data;
    if (!x) {
        e.code = -ENOMEM;
        dmv_job_finish(j, &e, NULL, -1);
        return 0;
    }
    x->admin = false;
    x->actions = t->actions;
    x->shutdown = t->shutdown;
    x->restored = t->actions.fallback;
    x->drop_staged = t->drop_staged;
    if (!(t->actions.set & DMV_BOOT_FOR_WORKER)) {
        go_on(j);
        return 0;
    }
    r = dmv_job_call_trial(j, &t->actions, on_worker_done, &e);
    if (r != 0)
        on_worker_done(j, r, &e);
    return 0;
}
