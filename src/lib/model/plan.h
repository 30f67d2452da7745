/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plan: the difference between the World and what the View says shall be, as ordered steps with a predicted
 * outcome.
 *
 * For every kernel: one link a selected module, in the tree of the release's tier, and a second one in
 * updates/ where that is another tree and the place is free; nothing of ours elsewhere; one override line a
 * managed module, so that no other file can win; one depmod if any of that changes what depmod sees; then
 * one initrd step if another file will be loaded for a module, which may have a copy in an image. No I/O.
 */
#ifndef DMV_MODEL_PLAN_H
#define DMV_MODEL_PLAN_H

#include "model/resolve.h"

typedef enum DmvStepKind {
    DMV_STEP_MKDIR,
    DMV_STEP_LINK,
    DMV_STEP_WRITE,
    DMV_STEP_UNLINK,
    DMV_STEP_REMOVE,
    DMV_STEP_DEPMOD,
    DMV_STEP_INITRD,
    DMV_STEP_MAX,
    DMV_STEP_INVALID = -1,
} DmvStepKind;
/* As in the interface: "mkdir", "link", ... */
const char *dmv_step_kind_to_string(DmvStepKind k);

typedef struct DmvStep {
    DmvStepKind kind;
    char *path;     /* relative to the root; NULL for DMV_STEP_DEPMOD and DMV_STEP_INITRD */
    char *content;  /* target of a link, text of a file; else NULL */
    char *kernel;   /* kernel release, for everything that belongs to one; else NULL */
    char **modules; /* DMV_STEP_INITRD: those of which the kernel gets another file, sorted; else NULL */
} DmvStep;
void dmv_step_deinit(DmvStep *s);

/* What one module of one kernel is and will be. */
typedef struct DmvPrediction {
    char *kernel, *module;
    char *now, *next;                 /* path below the kernel's folder, NULL: none */
    char *now_release, *next_release; /* DRIVER/VARIANT@VERSION, "inbox", "foreign", NULL: none */
    bool changed;
    bool
        open; /* nobody asks about it any more and several files are left: depmod chooses, @next is a guess */
} DmvPrediction;

typedef struct DmvPlan {
    DmvStep *steps; /* in the order in which they are done */
    size_t n_steps;
    DmvPrediction *predictions; /* sorted by kernel, then module: what is or was managed */
    size_t n_predictions;
    char *conf;           /* text of 00-dmv.conf after the plan; NULL: there is none */
    char **kernels;       /* whose index changes */
    DmvProblems problems; /* what was asked for and cannot be */
} DmvPlan;

/**
 * dmv_plan() - make the plan
 * @v: the View
 * @modules_dir: folder of the kernels relative to the root, "usr/lib/modules"
 * @ret: must be empty before; free with dmv_plan_deinit()
 *
 * An empty list of steps means that the host is as it shall be.
 *
 * Return: 0; DMV_CONFLICT when two selected drivers claim the same module; -ENOMEM.
 */
int dmv_plan(const DmvView *v, const char *modules_dir, DmvPlan *ret, DmvError *reterr);
void dmv_plan_deinit(DmvPlan *p);
#define DMV_CLEANUP_PLAN DMV_CLEANUP(dmv_plan_deinit)

static inline bool dmv_plan_is_empty(const DmvPlan *p)
{
    return p->n_steps == 0;
}

/**
 * dmv_plan_check() - did the world become what the plan predicted?
 * @p: the plan that was applied
 * @after: the World as observed afterwards
 *
 * Return: 0; DMV_PREDICTION_FAILED naming the first difference; -ENOMEM.
 */
int dmv_plan_check(const DmvPlan *p, const DmvWorld *after, DmvError *reterr);

#endif
