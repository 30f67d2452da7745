/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The passes of resolve. Each returns 0 or -ENOMEM. */
#ifndef DMV_MODEL_RESOLVE_INTERNAL_H
#define DMV_MODEL_RESOLVE_INTERNAL_H

#include "model/resolve.h"

/* Releases while they are gathered: a flat list, grouped by driver at the end. */
typedef struct DmvGather {
    const DmvFacts *facts;
    DmvViewRelease *items;
    size_t n;
} DmvGather;

void dmv_view_release_deinit(DmvViewRelease *r);
void dmv_gather_deinit(DmvGather *g);

/* Every release that a catalog lists or that lies on the disk, merged by its name. */
int dmv_gather(DmvGather *g);
/* Hardware, machine, kernels, revocation: the verdict and the reasons in words. */
int dmv_judge(DmvViewRelease *r, const DmvWorld *w);
/* Whether the running kernel would load its modules: said, and kept in @refused. */
int dmv_judge_by_kernel(DmvViewRelease *r, const DmvWorld *w);
/* What the intent means for one driver: modules, recommended and selected release, a target for each kernel.
 */
int dmv_decide(const DmvView *v, DmvViewDriver *d);
/* What the kernel runs for one driver, and what it would load next. */
int dmv_look_at_running(DmvView *v, DmvViewDriver *d);
/* The release of a kernel among those that are installed, or NULL. */
const DmvInstalled *dmv_installed_for(const DmvViewRelease *r, const char *kernel);

#endif
