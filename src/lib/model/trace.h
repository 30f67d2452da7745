/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The trace of a decision: everything that speaks for and against one release on this host, and the one thing
 * that decides. Nothing is decided here; every line repeats what resolve and plan have found, and names where
 * it comes from.
 */
#ifndef DMV_MODEL_TRACE_H
#define DMV_MODEL_TRACE_H

#include "model/plan.h"

typedef struct DmvTraceLine {
    const char *kind; /* "ok", "note" or "problem" */
    char *text;
} DmvTraceLine;

typedef struct DmvTrace {
    DmvTraceLine *lines;
    size_t n;
    char *decisive; /* why it is not what the kernel runs, or that it is; one sentence */
    char *next;     /* the command that would change that, or NULL */
} DmvTrace;
void dmv_trace_deinit(DmvTrace *t);

/**
 * dmv_trace_release() - why a release is, or is not, what this host runs
 * @v: the View
 * @p: the plan that belongs to it
 * @d: the driver, of @v
 * @r: the release, of @d
 * @ret: must be empty before; free with dmv_trace_deinit()
 *
 * In this order: hardware, machine, kernels, catalog, what is installed, what is selected, what runs.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_trace_release(const DmvView *v, const DmvPlan *p, const DmvViewDriver *d, const DmvViewRelease *r,
                      DmvTrace *ret);

#endif
