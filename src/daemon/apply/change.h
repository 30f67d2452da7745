/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps that change paths: done in the tree itself, or in a copy of a part of it. */
#ifndef DMV_APPLY_CHANGE_H
#define DMV_APPLY_CHANGE_H

#include "daemon/apply/journal.h"
#include "dmv/outcome.h"
#include "model/plan.h"

typedef struct DmvChanges {
    int root;    /* descriptor that paths count from, borrowed */
    size_t skip; /* bytes at the beginning of each path that lead to @root; 0: the paths of the steps count */
    const DmvJournal *journal; /* what links have to be before, borrowed; NULL: whatever is there */
    char **dirty;              /* folders that were changed and not synced, relative to @root */
} DmvChanges;

void dmv_changes_deinit(DmvChanges *c);
#define DMV_CLEANUP_CHANGES DMV_CLEANUP(dmv_changes_deinit)

/**
 * dmv_changes_do() - do one step of kind mkdir, link, write, unlink or remove
 * @c: what was changed so far
 * @s: the step, which was checked
 * @reterr: filled on a refusal, may be NULL
 *
 * A step that is done already is done once more, and changes nothing.
 *
 * Return: 0; DMV_CONFLICT if a thing that dmv did not make is in the way, or has come since the journal was
 * written; DMV_NO_SPACE; DMV_READ_ONLY; a negative errno (-EINVAL for a step of another kind).
 */
int dmv_changes_do(DmvChanges *c, const DmvStep *s, DmvError *reterr);

/* Syncs each folder that was changed, once. Return: 0, or as dmv_failure(). */
int dmv_changes_sync(DmvChanges *c, DmvError *reterr);

#endif
