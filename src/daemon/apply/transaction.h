/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of a plan as one transaction: all of them, or none.
 *
 * apply: journal (synced) | what lies outside of the kernels' folders | the switch of each kernel: its trees
 * and its index (switch.h) | images built, each compared and renamed | journal says applied. Then confirm
 * removes the journal, or undo gives everything back. Whoever finds a journal later (recover) gives
 * everything back too: there is no roll-forward, because what was never verified is not worth having.
 *
 * A kernel's folder that was exchanged is exchanged once more. Otherwise undoing puts back what there was,
 * then the index, and only then takes away what is new. Either way each file that the index names is there at
 * every moment, so a crash in the middle of undoing leaves a host that boots.
 */
#ifndef DMV_APPLY_TRANSACTION_H
#define DMV_APPLY_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "dmv/outcome.h"
#include "host/roots.h"
#include "model/plan.h"

typedef struct DmvTransactionOptions {
    /* Called when a step is about to begin, with what it is and how many are done; may be NULL. */
    void (*progress)(size_t done, size_t total, const char *message, void *userdata);
    /*
     * Called at every boundary between two changes of the disk, with the boundary's name; may be NULL. A
     * value below 0 counts as failure of what comes next. For tests that stop there.
     */
    int (*boundary)(const char *name, void *userdata);
    /* Called when a kernel's trees and index were switched; @why_not: why not by one exchange (exchange.h),
     * NULL: by one. May be NULL. */
    void (*way)(const char *kernel, const char *why_not, void *userdata);
    void *userdata;
    /* The kernel whose images stay as they are, for the default boot entry: those that change are built
     * beside them, for a trial (previous.h). NULL: none. */
    const char *trial;
} DmvTransactionOptions;

/**
 * dmv_transaction_apply() - do the steps
 * @r: the roots
 * @generation: number of the generation that they lead to
 * @steps: the steps, in their order
 * @n_steps: how many, at most DMV_APPLY_STEPS_MAX
 * @options: may be NULL
 * @reterr: filled on a refusal, may be NULL
 *
 * The caller holds the lock (lock.h). On any failure every file is as before, and @reterr says so; the
 * journal stays after success only.
 *
 * Return: 0: applied, not confirmed. DMV_INVALID_REQUEST, DMV_NO_SUCH_KERNEL for steps that are not allowed;
 * DMV_BROKEN_RELEASE for a link whose target is missing; DMV_CONFLICT if a file that dmv did not make is in
 * the way; what dmv_apply_abi_check() returns for a link to another kernel's release; DMV_STATE_BROKEN if
 * another transaction was not confirmed (nothing was done), or if undoing failed too (the journal stays for
 * dmv_transaction_recover()); DMV_TOOL_FAILED of depmod or of what builds an image; DMV_PREDICTION_FAILED for
 * an image that does not hold what it should; DMV_NO_SPACE, DMV_READ_ONLY; a negative errno.
 */
int dmv_transaction_apply(const DmvRoots *r, uint64_t generation, const DmvStep *steps, size_t n_steps,
                          const DmvTransactionOptions *options, DmvError *reterr);

typedef struct DmvTransaction DmvTransaction;

/**
 * dmv_transaction_begin() - the same, step by step: what comes before the first one
 * @r: the roots, borrowed
 * @generation: number of the generation that they lead to
 * @steps: borrowed
 * @n_steps: how many
 * @options: borrowed, may be NULL
 * @ret: the transaction; the journal is on the disk
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: as dmv_transaction_apply().
 */
int dmv_transaction_begin(const DmvRoots *r, uint64_t generation, const DmvStep *steps, size_t n_steps,
                          const DmvTransactionOptions *options, DmvTransaction **ret, DmvError *reterr);

/**
 * dmv_transaction_step() - the next step, or what comes after the last one
 * @t: the transaction
 * @ret_applied: everything is done
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: as dmv_transaction_apply(). After anything but 0 everything was taken back, and @t is good for
 * nothing but dmv_transaction_free().
 */
int dmv_transaction_step(DmvTransaction *t, bool *ret_applied, DmvError *reterr);

/* Images that hold another file of a module and were not built again, and why; NULL if there is none.
 * Borrowed. */
char *const *dmv_transaction_problems(const DmvTransaction *t);

/* Frees the memory; the journal stays, for dmv_transaction_undo(). */
DmvTransaction *dmv_transaction_free(DmvTransaction *t);

static inline void dmv_cleanup_transaction(DmvTransaction **t)
{
    *t = dmv_transaction_free(*t);
}

/**
 * dmv_transaction_undo() - give everything back
 *
 * Can be repeated after it was interrupted. Files that somebody else has put where our links were stay.
 *
 * Return: 0; DMV_NO_SUCH_OBJECT if there is no transaction; DMV_STATE_BROKEN with the first thing that could
 * not be restored (the rest is, the journal stays); what dmv_journal_load() returns.
 */
int dmv_transaction_undo(const DmvRoots *r, const DmvTransactionOptions *options, DmvError *reterr);

/* Makes an applied transaction final. Return: 0; DMV_NO_SUCH_OBJECT if there is none; a negative errno. */
int dmv_transaction_confirm(const DmvRoots *r, const DmvTransactionOptions *options, DmvError *reterr);

typedef enum DmvRecovery {
    DMV_RECOVERY_NONE,    /* nothing was left behind */
    DMV_RECOVERY_UNDONE,  /* a transaction was taken back */
    DMV_RECOVERY_CLEANED, /* only leftovers */
} DmvRecovery;

/**
 * dmv_transaction_recover() - what a crash or a power cut has left behind
 * @r: the roots
 * @options: may be NULL
 * @ret: what was done
 * @ret_generation: of the transaction that was taken back
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_STATE_BROKEN for a journal that cannot be read (it is moved aside, so that this is said
 * once) or if undoing failed; a negative errno.
 */
int dmv_transaction_recover(const DmvRoots *r, const DmvTransactionOptions *options, DmvRecovery *ret,
                            uint64_t *ret_generation, DmvError *reterr);

#endif
