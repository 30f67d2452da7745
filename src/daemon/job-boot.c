/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the boot machine has the apply worker do: the images of a trial, and the entry of the boot loader. */
#include <errno.h>

#include "daemon/boot.h"
#include "daemon/job.h"

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
