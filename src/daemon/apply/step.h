/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One step of a plan as it reaches the worker, and the rules for what the worker does at all.
 *
 * The daemon decides what changes; a daemon that was taken over must still not be able to write anywhere but
 * where modules are selected. So the rules are enforced here, with no trust in the planner.
 */
#ifndef DMV_APPLY_STEP_H
#define DMV_APPLY_STEP_H

#include "dmv/outcome.h"
#include "host/roots.h"
#include "model/plan.h"

/* Most steps of one transaction. */
#define DMV_APPLY_STEPS_MAX 20000

/* Return: the kind that the interface calls so, DMV_STEP_INVALID for what it does not know. */
DmvStepKind dmv_apply_step_kind(const char *name);

/**
 * dmv_apply_step_check() - may the worker do this?
 * @r: the roots
 * @s: the step
 * @reterr: filled on a refusal, may be NULL
 *
 * Paths lie in updates/, override/ or extra/ of a kernel, are etc/depmod.d/00-dmv.conf, or lie below
 * usr/lib/firmware/updates. The target of a link is relative and leads into the store or into dmv/ or
 * xenserver/ of a kernel. Looks at the text only, apart from the kernel's folder, which has to be there.
 *
 * Return: 0; DMV_INVALID_REQUEST; DMV_NO_SUCH_KERNEL; -ENOMEM.
 */
int dmv_apply_step_check(const DmvRoots *r, const DmvStep *s, DmvError *reterr);

/**
 * dmv_apply_path_kernel() - whose folder does a path lie in?
 * @r: the roots
 * @path: relative to the root
 * @ret: the kernel, owned by the caller; NULL if it lies in no kernel's folder
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_apply_path_kernel(const DmvRoots *r, const char *path, char **ret);

/* Does the path, relative to the root and without links in it, lie in the store or in an installed variant?
 */
bool dmv_apply_is_in_release(const DmvRoots *r, const char *path);

/**
 * dmv_apply_leads_to_release() - is a link one that dmv can have made?
 * @path: of the link, relative to the root
 *
 * Also a link whose release has gone is one. Return: 1, 0, or -ENOMEM.
 */
int dmv_apply_leads_to_release(const DmvRoots *r, const char *path);

/**
 * dmv_apply_link_resolve() - where a relative link leads, by text
 * @path: of the link, relative to the root
 * @target: what it says
 * @ret: the path it leads to, relative to the root, owned by the caller
 *
 * Return: 0; -EINVAL if it is absolute or leads out of the root; -ENOMEM.
 */
int dmv_apply_link_resolve(const char *path, const char *target, char **ret);

#endif
