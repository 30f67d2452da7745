/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A job that applies a plan: worker, verification, confirmation or undo. What it is for, and so what follows
 * from its success or failure, is its owner's: job-apply.c for what is staged, job-boot.c for the way back.
 */
#ifndef DMV_DAEMON_JOB_APPLY_H
#define DMV_DAEMON_JOB_APPLY_H

#include "daemon/job.h"

typedef struct DmvApplyJob {
    DmvPlan plan; /* as it was applied */
    DmvApplyReply reply;
    void *userdata;
    DmvError failure;
    /* Each ends the job. @changed: something was applied. */
    void (*succeeded)(DmvJob *j, bool changed);
    void (*failed)(DmvJob *j, DmvError *e);

    bool switches; /* to the staged generation, and the boot machine knows */
    bool admin;    /* because somebody asks for it now */
    bool trial;    /* the boot loader can have an entry for it */
    bool one_shot; /* it needs that */
    bool stored;   /* the machine's state after the switch is on the disk */
    DmvBoot next;
    DmvBootActions actions; /* that the switch leads to, or that the boot machine has asked for */

    /* for the boot machine */
    bool shutdown;
    bool drop_staged;
    int64_t restored; /* the generation that is put back */
    DmvIntent before; /* what was wanted until then */
} DmvApplyJob;

/* Takes the place; the job's data is a DmvApplyJob for a switch by an admin, or NULL for lack of memory.
 * @userdata is taken over in any case. Return: as dmv_job_new(). */
int dmv_apply_job_new(DmvManager *m, VlCall *call, const char *action, const char *object,
                      DmvApplyReply reply, void *userdata, DmvJob **ret, DmvError *reterr);
/* Asks the boot machine whether what is staged may be switched to, and whether the boot loader can help.
 * Return: 0, or what dmv_boot_ask() returns. */
int dmv_apply_job_ask(DmvJob *j, DmvError *reterr);
/* Plans, and calls the worker. @r: how it went until here, with @e. */
void dmv_apply_job_begin(DmvJob *j, int r, DmvError *e);

#endif
