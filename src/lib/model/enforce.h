/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * enforce=yes: a plan must not leave a module of a managed driver reachable that nobody approved. Which files
 * that is about, and the refusal. No I/O.
 *
 * Reachable is what lies in updates/, override/, extra/ or weak-updates/ once the plan is applied: an
 * override line keeps a file from winning only as long as everybody's depmod reads it. The kernel's own
 * modules are not concerned; they are what remains when nothing is selected.
 */
#ifndef DMV_MODEL_ENFORCE_H
#define DMV_MODEL_ENFORCE_H

#include "model/plan.h"
#include "model/standing.h"

/* A file that has to be verified: of somebody else in a tree, or of a release that the plan selects. */
typedef struct DmvEnforced {
    const DmvKernel *kernel;
    const DmvModuleFile *file;     /* or NULL */
    const DmvInstalled *installed; /* or NULL, */
    const char *module;            /* and the file in its folder */
    char *path;                    /* relative to the root */
} DmvEnforced;

void dmv_enforced_free(DmvEnforced *items, size_t n);

/**
 * dmv_enforce_find() - the files that a plan for a View is judged by
 * @v: the View; borrowed
 * @modules_dir: folder of the kernels relative to the root
 * @ret: free with dmv_enforced_free()
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_enforce_find(const DmvView *v, const char *modules_dir, DmvEnforced **ret, size_t *ret_n);

/* Return: 0 if the file is verified; DMV_UNVERIFIED naming it, with the reason and what to do. */
int dmv_enforce_check(const DmvEnforced *x, const DmvStandingVerdict *v, DmvError *reterr);

#endif
