/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renderings: the View, the plan and the rest as the JSON of io.dmv.Manager. Pure; every function returns a
 * new value, or NULL for lack of memory.
 */
#ifndef DMV_MODEL_RENDER_H
#define DMV_MODEL_RENDER_H

#include "base/jsonbuild.h"
#include "model/generation.h"
#include "model/history.h"
#include "model/plan.h"
#include "model/resolve.h"

typedef enum DmvFilter {
    DMV_FILTER_FITTING,   /* fits the hardware, is installed, selected or active */
    DMV_FILTER_INSTALLED, /* is installed */
    DMV_FILTER_ALL,
} DmvFilter;

json_object *dmv_render_problems(const DmvProblems *p);
/* Physical functions and plain devices; virtual functions only with @all. */
json_object *dmv_render_devices(const DmvView *v, bool all);
/* @plan tells what is staged; may be NULL. */
json_object *dmv_render_driver(const DmvViewDriver *d, const DmvPlan *plan, DmvFilter filter);
json_object *dmv_render_drivers(const DmvView *v, const DmvPlan *plan, DmvFilter filter);
/* Adds member "adopted": the adopted modules that concern none of those drivers; nothing if there are none.
 */
void dmv_render_other_adopted(DmvJsonBuilder *b, const DmvView *v, DmvFilter filter);
json_object *dmv_render_kernels(const DmvWorld *w);
json_object *dmv_render_steps(const DmvPlan *p);
json_object *dmv_render_predictions(const DmvPlan *p);
json_object *dmv_render_generation(const DmvGenerations *all, const DmvGeneration *g);
/* What lies between two intents, a driver an entry: see dmv_intent_diff(). */
json_object *dmv_render_changes(const DmvIntent *before, const DmvIntent *after);
json_object *dmv_render_history_entry(const DmvHistoryEntry *e);
/* Does an entry of this driver pass the filter? */
bool dmv_filter_passes(DmvFilter f, const DmvViewRelease *r);
/* Does the plan change what this driver loads on some kernel? */
bool dmv_plan_changes_driver(const DmvPlan *p, const DmvViewDriver *d);

#endif
