/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The switch of one kernel's folder as one atomic exchange.
 *
 * The folder gets a twin (host/twin.h) in DMV_EXCHANGE_DIR, which gets the changes and the new index and is
 * synced; then the two change names by one renameat2(2). At every moment, and after a power cut at every
 * moment, the kernel's name leads to the whole old folder or to the whole new one. The old one is kept until
 * the change is confirmed, and changing names once more is the way back.
 */
#ifndef DMV_APPLY_EXCHANGE_H
#define DMV_APPLY_EXCHANGE_H

#include "daemon/apply/switch.h"
#include "daemon/shared/leftovers.h"
#include "host/shadow.h"

typedef enum DmvExchange {
    DMV_EXCHANGE_DONE,
    DMV_EXCHANGE_CHANGED,    /* somebody else has changed the folder meanwhile; it is in place */
    DMV_EXCHANGE_IMPOSSIBLE, /* not here; nothing was changed */
} DmvExchange;

/**
 * dmv_exchange() - let the changes and the index of one kernel come into force at once
 * @w: the switch; its journal is written with what undoing needs, before the exchange
 * @shadow: holds the new index
 * @print: dmv_twin_print() of the kernel's folder from before @shadow was made
 * @ret: what became of it
 * @ret_why: why it is impossible, owned by the caller; NULL otherwise
 * @reterr: filled on a refusal, may be NULL
 *
 * The order: the twin and all in it | journal | exchange | is the old folder as it was copied? If not, they
 * change back at once | both parents synced.
 *
 * Return: 0; what the boundary hook returns; a negative errno or DMV_NO_SPACE, DMV_READ_ONLY if the journal
 * cannot be written or the folders synced: undo then.
 */
int dmv_exchange(const DmvSwitch *w, const DmvShadow *shadow, const char *print, DmvExchange *ret,
                 char **ret_why, DmvError *reterr);

/* What is in the journal of an exchange that did not come about goes out of it, before other changes are
 * made. Return: as dmv_exchange(). */
int dmv_exchange_forget(const DmvSwitch *w, DmvError *reterr);

typedef enum DmvExchangeBack {
    DMV_EXCHANGE_BACK_NONE,    /* there was no exchange */
    DMV_EXCHANGE_BACK_DONE,    /* the old folder is in place, as it was */
    DMV_EXCHANGE_BACK_FOREIGN, /* another one is, or somebody has changed the new one: it stays */
} DmvExchangeBack;

/**
 * dmv_exchange_undo() - put the old folder back
 * @r: the roots
 * @k: what the journal says
 * @ret: what became of it; untouched on failure
 *
 * Doing it twice is like doing it once. Syncs.
 *
 * Return: 0, or a negative errno.
 */
int dmv_exchange_undo(const DmvRoots *r, const DmvJournalKernel *k, DmvExchangeBack *ret);

/* Removes the folders that are not in place. @ret_found may be NULL. Return: 0, or a negative errno. */
int dmv_exchange_drop(const DmvRoots *r, bool *ret_found);

#endif
