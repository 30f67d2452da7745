/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index of a kernel, made so that variants which nobody selected are not in it. */
#ifndef DMV_APPLY_INDEX_H
#define DMV_APPLY_INDEX_H

#include "dmv/outcome.h"
#include "host/shadow.h"
#include "model/plan.h"

/**
 * dmv_index_shadow() - the shadow that has the same outcome as dmv_index_build()
 * @r: the roots; must outlive @ret
 * @kver: kernel release
 * @ret: owned by the caller
 *
 * Return: as dmv_shadow_new(); a negative errno if depmod cannot be asked for its version.
 */
int dmv_index_shadow(const DmvRoots *r, const char *kver, DmvShadow **ret);

/**
 * dmv_index_shadow_step() - do a step in the shadow, if it changes what depmod sees of this kernel
 * @r: the roots
 * @kver: kernel release
 * @shadow: of that kernel
 * @s: the step, which was checked
 *
 * Return: 0, or a negative errno.
 */
int dmv_index_shadow_step(const DmvRoots *r, const char *kver, DmvShadow *shadow, const DmvStep *s);

/**
 * dmv_index_build() - make the index of one kernel
 * @r: the roots
 * @kver: kernel release
 * @next, @n_next: steps that are about to be done: it is the index of the tree after them
 * @reterr: filled on a refusal, may be NULL
 *
 * By depmod over a shadow of the kernel's folder; the files of the index are put into place one by one, each
 * synced before it is renamed. A depmod without `exclude` (before kmod 30) would take variants below dmv/ and
 * xenserver/ for modules of the kernel's own rank: there the shadow has none of them.
 *
 * While an older index is kept (keep.h), one that lacks a module of it is made once more (complete.h).
 *
 * Return: as dmv_depmod_run(), DMV_TOOL_FAILED also for a module that is missing because a folder cannot be
 * read.
 */
int dmv_index_build(const DmvRoots *r, const char *kver, const DmvStep *next, size_t n_next,
                    DmvError *reterr);

/* By depmod in the shadow, where the index stays. Return: as dmv_depmod_run(). */
int dmv_index_build_shadow(DmvShadow *shadow, const char *kver, DmvError *reterr);

/* The same for an index that shall take the place of the kernel's, and has to have all that is in there.
 * Return: as dmv_index_build(). */
int dmv_index_build_next(const DmvRoots *r, DmvShadow *shadow, const char *kver, DmvError *reterr);

#endif
