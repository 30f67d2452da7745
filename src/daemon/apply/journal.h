/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of a running transaction: what was there before, written and synced before the first change.
 *
 * As long as the file is there, the transaction is not confirmed, and whoever comes next takes everything
 * back. It says what to restore and not how far the changes went: restoring what was not changed does
 * nothing, so it is written once before the changes and once after them.
 */
#ifndef DMV_APPLY_JOURNAL_H
#define DMV_APPLY_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/apply/image.h"
#include "daemon/shared/leftovers.h"
#include "dmv/outcome.h"

/* Relative to the root: where a journal goes that cannot be read. */
#define DMV_JOURNAL_BROKEN_PATH DMV_JOURNAL_PATH ".broken"

typedef enum DmvJournalState {
    DMV_JOURNAL_APPLYING, /* steps are being done, or were interrupted */
    DMV_JOURNAL_APPLIED,  /* all done, not confirmed */
    DMV_JOURNAL_STATE_MAX,
    DMV_JOURNAL_STATE_INVALID = -1,
} DmvJournalState;

/* A path that a step touches. */
typedef struct DmvJournalEntry {
    char *path; /* relative to the root */
    DmvImage before;
} DmvJournalEntry;

/* A kernel whose index a step rebuilds. */
typedef struct DmvJournalKernel {
    char *release;
    char **index; /* names of the index files that were there */
    char *stamp;  /* what tells the index that this transaction made from a later one; "" while applying */
    /* Of a folder that may have been exchanged for another one (exchange.h); 0 and NULL if none was. */
    uint64_t old_inode, new_inode; /* of the two folders */
    char *print;                   /* of the new one, dmv_twin_print() */
} DmvJournalKernel;

/* An initrd image that a step may replace. */
typedef struct DmvJournalInitrd {
    char *path; /* relative to the root, no link in it */
    char *kernel;
    bool is_new; /* there was none: undoing removes it */
} DmvJournalInitrd;

typedef struct DmvJournal {
    DmvJournalState state;
    uint64_t generation;
    DmvJournalEntry *entries; /* in the order of the steps; folders before what lies in them */
    size_t n_entries;
    DmvJournalKernel *kernels;
    size_t n_kernels;
    DmvJournalInitrd *initrds;
    size_t n_initrds;
} DmvJournal;

void dmv_journal_deinit(DmvJournal *j);
#define DMV_CLEANUP_JOURNAL DMV_CLEANUP(dmv_journal_deinit)

const DmvJournalEntry *dmv_journal_find(const DmvJournal *j, const char *path);

/**
 * dmv_journal_format() - the bytes of a journal
 * @j: the journal
 * @ret: the text, owned by the caller
 * @ret_size: its length
 *
 * {"journal":{...},"sha256":"<of the compact text of the member journal>"}; targets and contents in hex,
 * because a target that somebody else made need not be UTF-8.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_journal_format(const DmvJournal *j, char **ret, size_t *ret_size);

/**
 * dmv_journal_parse() - the journal that bytes say
 * @data: the bytes
 * @size: how many
 * @ret: filled; free with dmv_journal_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_MALFORMED; DMV_UNKNOWN_SPEC for one of a later
 * version; DMV_HASH_MISMATCH for one that is torn; -ENOMEM.
 */
int dmv_journal_parse(const char *data, size_t size, DmvJournal *ret, DmvError *reterr);

/* Puts the journal in place and syncs file and folder. Return: 0, or a negative errno. */
int dmv_journal_save(int root, const DmvJournal *j);
/* Reads it. Return: 0; DMV_NO_SUCH_OBJECT if there is none; what dmv_journal_parse() returns; a negative
 * errno. */
int dmv_journal_load(int root, DmvJournal *ret, DmvError *reterr);
/* Removes it and syncs the folder: the point of no return of a transaction. It loses its name first, so that
 * it can get it back. Return: 0, or a negative errno, and then it is still there. */
int dmv_journal_remove(int root);
/* Moves one that cannot be read out of the way, for a person to look at. Return: 0, or a negative errno. */
int dmv_journal_set_aside(int root);

#endif
