/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two halves of a trace: what there is to say (trace.c), and what decides (trace-decide.c). */
#ifndef DMV_MODEL_TRACE_INTERNAL_H
#define DMV_MODEL_TRACE_INTERNAL_H

#include "model/trace.h"

typedef struct DmvTracer {
    const DmvView *view;
    const DmvPlan *plan;
    const DmvViewDriver *driver;
    const DmvViewRelease *release;
    DmvTrace trace;
    int error;
} DmvTracer;

/* Is this one of the driver's modules? */
bool dmv_trace_is_of_driver(const DmvViewDriver *d, const char *module);
/* Fills `decisive` and `next`: the first obstacle on the way from a catalog into the kernel. Return: 0, or
 * -ENOMEM. */
int dmv_trace_decide(DmvTracer *t);

#endif
