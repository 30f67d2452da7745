/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How far a plan reaches: for each module of which a kernel gets another file, the devices that it drives or
 * would drive. Lifelines and guests are both touched by that. No I/O.
 */
#ifndef DMV_MODEL_REACH_H
#define DMV_MODEL_REACH_H

#include "model/plan.h"

typedef struct DmvReach {
    const DmvPrediction *change; /* borrowed from the plan */
    char **slots; /* for which the kernel's index gives it, or which the release supports that it comes from,
                     now or next; sorted */
} DmvReach;

typedef struct DmvReaches {
    DmvReach *items; /* in the order of the plan; predictions without a change left out */
    size_t n;
} DmvReaches;

/**
 * dmv_plan_reaches() - what the changes of a plan reach
 * @p: the plan
 * @v: the View that it was made from
 * @ret: must be empty before; free with dmv_reaches_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_plan_reaches(const DmvPlan *p, const DmvView *v, DmvReaches *ret);
void dmv_reaches_deinit(DmvReaches *r);
#define DMV_CLEANUP_REACHES DMV_CLEANUP(dmv_reaches_deinit)

/* Does it touch what stands on these devices and is driven by these modules? Either list may be NULL. */
bool dmv_reach_touches(const DmvReach *r, char *const *slots, char *const *modules);

/* Is a module in a list of names? '-' and '_' are the same. */
bool dmv_modules_contain(char *const *modules, const char *name);

#endif
