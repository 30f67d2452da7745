/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The switch of one kernel: its trees and its index, together. */
#ifndef DMV_APPLY_SWITCH_H
#define DMV_APPLY_SWITCH_H

#include "daemon/apply/journal.h"
#include "daemon/apply/transaction.h"

typedef struct DmvSwitch {
    const DmvRoots *roots;
    const char *kernel;
    const DmvStep *steps; /* of the whole transaction */
    size_t n_steps;
    DmvJournal *journal; /* on the disk, with all that the steps touch */
    const DmvTransactionOptions *options;
} DmvSwitch;

/**
 * dmv_switch_takes() - is a step done when its kernel is switched, and not before?
 * @r: the roots
 * @s: the step
 * @kernel: the kernel
 *
 * Those in the kernel's folder are, and what goes of its firmware: the drivers of before may need it.
 */
bool dmv_switch_takes(const DmvRoots *r, const DmvStep *s, const char *kernel);

/* What the journal says of the kernel. */
DmvJournalKernel *dmv_switch_record(const DmvSwitch *w);

/**
 * dmv_switch() - do all steps of one kernel that dmv_switch_takes(), and make its index
 * @w: the switch
 * @reterr: filled on a refusal, may be NULL
 *
 * The new index is made first, in a shadow. Then everything comes into force by one exchange of the kernel's
 * folder (exchange.h), or in steps where that cannot be: what is new | the files of the index | what goes. So
 * each file that the index names is there at every moment. Everything is synced.
 *
 * Return: 0; DMV_CONFLICT; DMV_TOOL_FAILED of depmod; DMV_NO_SPACE; DMV_READ_ONLY; a negative errno. Part of
 * it may have been done then: undo.
 */
int dmv_switch(const DmvSwitch *w, DmvError *reterr);

#endif
