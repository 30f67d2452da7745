/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way back: what a journal says is made true again. */
#ifndef DMV_APPLY_UNDO_H
#define DMV_APPLY_UNDO_H

#include "daemon/apply/journal.h"
#include "daemon/apply/transaction.h"

/* Calls the boundary hook. Return: what it returns, 0 if there is none. */
int dmv_transaction_boundary(const DmvTransactionOptions *options, const char *name);

/* Forgets the kept indexes and folders of all kernels. @ret_found may be NULL. Return: 0, or a negative
 * errno. */
int dmv_undo_drop_kept(const DmvRoots *r, bool *ret_found);

/**
 * dmv_undo() - restore what a journal says, then remove it
 * @r: the roots
 * @j: the journal on the disk
 * @options: may be NULL
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_STATE_BROKEN with the first thing that failed; everything else was tried, the journal stays.
 */
int dmv_undo(const DmvRoots *r, const DmvJournal *j, const DmvTransactionOptions *options, DmvError *reterr);

#endif
