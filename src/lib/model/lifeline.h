/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lifelines: which drivers and plans touch what the host needs to come back, and whether they may. No I/O.
 */
#ifndef DMV_MODEL_LIFELINE_H
#define DMV_MODEL_LIFELINE_H

#include "base/jsonbuild.h"
#include "model/plan.h"

/* As in the interface: "root", "boot", "usr", "var", "swap", "management". */
const char *dmv_lifeline_kind_to_string(DmvLifelineKind k);

/* Does this lifeline stand on that device? */
bool dmv_lifeline_has_slot(const DmvLifeline *l, const char *slot);

/**
 * dmv_lifelines_of_driver() - the chains of the lifelines that stand on a driver
 * @w: borrowed
 * @d: by its modules and by the devices that it supports
 * @ret: in words, owned by the caller; NULL if there is none
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_lifelines_of_driver(const DmvWorld *w, const DmvViewDriver *d, char ***ret);

/* A lifeline that a plan touches. */
typedef struct DmvLifelineChange {
    const DmvLifeline *lifeline; /* borrowed from the World */
    char **modules;              /* that will be other files, sorted */
    char **kernels;              /* for which, sorted */
} DmvLifelineChange;

typedef struct DmvLifelineChanges {
    DmvLifelineChange *items; /* in the order of the World */
    size_t n;
} DmvLifelineChanges;

void dmv_lifeline_changes_deinit(DmvLifelineChanges *c);
#define DMV_CLEANUP_LIFELINE_CHANGES DMV_CLEANUP(dmv_lifeline_changes_deinit)

/**
 * dmv_plan_lifelines() - the lifelines that a plan touches
 * @p: the plan
 * @v: the View that it was made from; borrowed
 * @ret: must be empty before; free with dmv_lifeline_changes_deinit()
 *
 * A changed module touches a lifeline if it drives something under it now, if the kernel's index gives it for
 * a device under it, or if the release that it comes from, now or next, supports such a device.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_plan_lifelines(const DmvPlan *p, const DmvView *v, DmvLifelineChanges *ret);

/**
 * dmv_lifeline_check() - may this plan be carried out?
 * @c: what it touches
 * @stranded: why nothing brings the host back if it does not come up with it; NULL: something does
 * @accepted: somebody said that it may be lost
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_LIFELINE naming the first lifeline, and what to do.
 */
int dmv_lifeline_check(const DmvLifelineChanges *c, const char *stranded, bool accepted, DmvError *reterr);

/* Renderings, as those of render.h: a new value, or NULL for lack of memory. */
json_object *dmv_render_lifelines(const DmvWorld *w);
json_object *dmv_render_lifelines_of_slot(const DmvWorld *w, const char *slot);
json_object *dmv_render_lifeline_changes(const DmvLifelineChanges *c);

#endif
