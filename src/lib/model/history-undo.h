/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Undo: the intent without what some entries of the history did to it.
 */
#ifndef DMV_MODEL_HISTORY_UNDO_H
#define DMV_MODEL_HISTORY_UNDO_H

#include "model/history.h"

typedef struct DmvHistoryUndo {
    DmvIntent intent;          /* what is wanted then */
    DmvIntent before, after;   /* what that changes, see dmv_intent_diff() */
    int64_t *undone, *skipped; /* numbers, newest first; skipped are those that changed no intent */
    size_t n_undone, n_skipped;
} DmvHistoryUndo;

void dmv_history_undo_deinit(DmvHistoryUndo *u);
#define DMV_CLEANUP_HISTORY_UNDO DMV_CLEANUP(dmv_history_undo_deinit)

/* The number of the newest entry by which somebody changed the intent. Return: 0, or DMV_NOTHING_TO_UNDO. */
int dmv_history_undo_last(const DmvHistory *h, int64_t *ret, DmvError *reterr);

/**
 * dmv_history_undo() - take back what entries did
 * @intent: what is wanted now
 * @first, @last: their numbers; all between them are meant too
 * @now: seconds since the epoch, for pins
 *
 * Each driver has to be wanted as the newest of the entries that changed it left it, unless that was changed
 * back since. The newest entry is taken back first. All of it, or nothing.
 *
 * Return: 0; DMV_INVALID_REQUEST for numbers that are no range; DMV_NO_SUCH_ENTRY if one of them is not there
 * (any more); DMV_NOT_RECORDED if an entry does not say what it changed; DMV_CONFLICT if a driver was changed
 * later; DMV_PINNED if its pin is not taken back too; DMV_NOTHING_TO_UNDO if none of them changed the intent;
 * -ENOMEM.
 */
int dmv_history_undo(const DmvHistory *h, const DmvIntent *intent, int64_t first, int64_t last, int64_t now,
                     DmvHistoryUndo *ret, DmvError *reterr);

#endif
