/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shadow of a kernel's folder: real folders with a link for every module file, in a scratch folder of its
 * own, so that depmod can be asked what it would make of a tree that is not there yet.
 */
#ifndef DMV_HOST_SHADOW_H
#define DMV_HOST_SHADOW_H

#include <stdbool.h>

#include "dmv/outcome.h"
#include "host/roots.h"

typedef struct DmvShadow DmvShadow;

enum {
    /* Leave out dmv/ and xenserver/ of the kernel, as a depmod that knows `exclude` does when it is told to
     */
    DMV_SHADOW_NO_VARIANTS = 1 << 0,
};

/**
 * dmv_shadow_new() - the shadow of one kernel's folder as it is now
 * @r: the roots; must outlive the shadow
 * @place: writable folder relative to the root that the scratch folder is made in, NULL: DMV_RUN_DIR. It is
 * made if it is missing.
 * @kver: kernel release
 * @flags: DMV_SHADOW_NO_VARIANTS or 0
 * @ret: owned by the caller
 *
 * Every link leads to the file itself, so that reading a module costs what it costs in the tree. Entries are
 * made in the order in which the tree lists them, because depmod takes the first of two files of the same
 * rank. build and source are left out; so are links that lead nowhere (see dmv_shadow_dangling()). Scratch
 * folders that a dead process left behind in @place are removed.
 *
 * Return: 0; -ENOENT if there is no such kernel; another negative errno. Nothing is left behind then.
 */
int dmv_shadow_new(const DmvRoots *r, const char *place, const char *kver, unsigned flags, DmvShadow **ret);
/* Removes the scratch folders that dead processes left behind in @place (NULL: DMV_RUN_DIR). One that cannot
 * be removed costs space only, and the next call tries again. */
void dmv_shadow_clean(const DmvRoots *r, const char *place);
/* Return: whether there is one for dmv_shadow_clean() to remove. What cannot be looked at is not there. */
bool dmv_shadow_is_left(const DmvRoots *r, const char *place);
/* Removes the scratch folder. @s may be NULL. Return: NULL. */
DmvShadow *dmv_shadow_free(DmvShadow *s);
DMV_DEFINE_CLEANUP(DmvShadow *, dmv_cleanup_shadow, dmv_shadow_free);
#define DMV_CLEANUP_SHADOW DMV_CLEANUP(dmv_cleanup_shadow)

/* Makes a link in the shadow, with the folders above it, in the place of one that is there.
 * @path: relative to the kernel's folder
 * @to: the file it leads to, relative to the root
 * Return: 0; -EINVAL for a path that leads elsewhere; another negative errno. */
int dmv_shadow_link(DmvShadow *s, const char *path, const char *to);
/* Removes a link; one that is not there is fine. Return: as dmv_shadow_link(). */
int dmv_shadow_unlink(DmvShadow *s, const char *path);
/* What depmod shall take for 00-dmv.conf in etc/depmod.d; NULL: there is none. Without a call: the root's.
 * Return: 0 or a negative errno. */
int dmv_shadow_set_conf(DmvShadow *s, const char *text);

/* Runs depmod on the shadow, with the settings of the root. Return: as dmv_depmod_run(). */
int dmv_shadow_index(DmvShadow *s, DmvError *reterr);

/* Absolute path of the shadow of the kernel's folder, valid as long as @s. */
const char *dmv_shadow_folder(const DmvShadow *s);
/* A link in the tree, relative to the kernel's folder, that leads nowhere and was not removed since: depmod
 * complains about it. NULL: there is none. */
const char *dmv_shadow_dangling(const DmvShadow *s);

#endif
