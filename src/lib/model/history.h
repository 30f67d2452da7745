/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history: one JSON object a line, each carrying the hash of the line before, so that a line cannot be
 * changed or taken out without a break that verify finds.
 *
 * It stands in two files, so that it stays small: a live one, and the one that was live before it. When the
 * live one is full it takes the place of the older one, and a new one goes on where it ended. The first line
 * of a file says that it is one.
 */
#ifndef DMV_MODEL_HISTORY_H
#define DMV_MODEL_HISTORY_H

#include <stdint.h>

#include "base/hash.h"
#include "base/text.h"
#include "dmv/outcome.h"
#include "model/intent.h"

/* A live file of so much is full. */
#define DMV_HISTORY_MAX_BYTES ((size_t)1 << 20)
#define DMV_HISTORY_MAX_ENTRIES ((size_t)4000)
/* More drivers than that in one change, before and after, are not recorded: such a change cannot be undone.
 */
#define DMV_HISTORY_MAX_SELECTIONS ((size_t)64)

typedef struct DmvHistoryEntry {
    int64_t number;     /* from 1 */
    int64_t time;       /* seconds since the epoch */
    char *action;       /* "select", "activate", ... */
    char *object;       /* driver or release, or NULL */
    char *outcome;      /* reason code */
    char *detail;       /* may be NULL */
    char *because;      /* the admin's reason, may be NULL */
    int64_t uid;        /* who asked; -1: nobody (a boot, a timer) */
    int64_t generation; /* that it led to; -1: none */
    bool has_changes;   /* it is known what it did to the intent: */
    DmvIntent before;   /* the drivers of which something else was wanted before, as far as they were in it */
    DmvIntent after;    /* the same drivers afterwards, as far as they are still in it */
} DmvHistoryEntry;

/* A line that is known from elsewhere: the history that has had it must still have it. */
typedef struct DmvHistoryMark {
    int64_t number; /* 0: none */
    char hash[DMV_SHA256_HEX];
} DmvHistoryMark;

typedef enum DmvHistoryPart {
    DMV_HISTORY_OLDER,
    DMV_HISTORY_LIVE,
    DMV_HISTORY_PART_MAX,
} DmvHistoryPart;

typedef struct DmvHistoryBreak {
    DmvHistoryPart part;
    bool tail; /* it ends what can be read of the file */
    char *why; /* with the line and its first byte, where it is at one */
} DmvHistoryBreak;

typedef struct DmvHistory {
    DmvHistoryEntry *items; /* in the order of the files; ascending where nothing is broken */
    size_t n;
    size_t n_older;      /* the first so many stand in the older file */
    DmvHistoryMark last; /* the last good line; number 0 and 64 zeros when there is none */
    size_t good_bytes;   /* of the live file, up to the end of its last good line */
    bool torn;           /* something else stands behind them */
    DmvHistoryBreak *breaks;
    size_t n_breaks;
} DmvHistory;

void dmv_history_entry_deinit(DmvHistoryEntry *e);
void dmv_history_init(DmvHistory *h);
void dmv_history_deinit(DmvHistory *h);
#define DMV_CLEANUP_HISTORY DMV_CLEANUP(dmv_history_deinit)

/**
 * dmv_history_parse() - read the files
 * @older, @older_size: what the older one holds; NULL: there is none
 * @live, @live_size: what the live one holds
 * @known: a line that has to be there unless it is older than all of them; may be NULL
 *
 * A broken line ends its file; a file that does not continue the one before it begins anew. Both are no error
 * and told in @ret->breaks.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_history_parse(const char *older, size_t older_size, const char *live, size_t live_size,
                      const DmvHistoryMark *known, DmvHistory *ret);

/* Notes that a file cannot be read at all. Return: 0, or -ENOMEM. */
int dmv_history_add_break(DmvHistory *h, DmvHistoryPart part, const char *why);
/* What follows @h->good_bytes in the live file has been cut off. */
void dmv_history_mended(DmvHistory *h);

/* Must the live file take the place of the older one before the next entry? */
bool dmv_history_is_full(const DmvHistory *h);
/* It has: what was the older one is forgotten. */
void dmv_history_rotated(DmvHistory *h);

/**
 * dmv_history_append() - the line for a new entry
 * @e: number is filled in by this; texts that are long or no printable UTF-8 are stored shortened and with
 * '?' instead, so that the line can be read again
 * @ret_line: the line with its newline, owned by the caller, to be appended to the live file
 *
 * The caller has cut off what follows @h->good_bytes in the live file, if @h->torn.
 *
 * Return: 0 (@h knows the entry then, and owns a copy of what was stored), or -ENOMEM.
 */
int dmv_history_append(DmvHistory *h, DmvHistoryEntry *e, char **ret_line, size_t *ret_size);

/* Does an action change the intent when it works? Then its entry says what it changed, unless it was written
 * before entries did. */
bool dmv_history_is_change(const char *action);
/* Does the entry of a command say that it has put this generation in place? */
bool dmv_history_has_switch(const DmvHistory *h, int64_t generation);

#endif
