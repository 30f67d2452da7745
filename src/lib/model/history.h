/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history: one JSON object a line, each carrying the hash of the line before, so that a line cannot be
 * changed or taken out without a break that verify finds.
 */
#ifndef DMV_MODEL_HISTORY_H
#define DMV_MODEL_HISTORY_H

#include <stdint.h>

#include "base/hash.h"
#include "base/text.h"
#include "dmv/outcome.h"

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
} DmvHistoryEntry;

typedef struct DmvHistory {
    DmvHistoryEntry *items; /* ascending */
    size_t n;
    char last_hash[DMV_SHA256_HEX]; /* of the last line; 64 zeros when empty */
    int64_t last_number;
    size_t good_bytes; /* up to the end of the last good line */
    char *broken;      /* where and why the chain breaks, or NULL; entries before that are good */
} DmvHistory;

void dmv_history_entry_deinit(DmvHistoryEntry *e);
void dmv_history_init(DmvHistory *h);
void dmv_history_deinit(DmvHistory *h);

/* Parses the whole file. A broken line ends it (see @ret->broken); that is not an error. Return: 0, or
 * -ENOMEM. */
int dmv_history_parse(const char *data, size_t size, DmvHistory *ret);

/**
 * dmv_history_append() - the line for a new entry
 * @e: number is filled in by this; texts that are long or no printable UTF-8 are stored shortened and with
 * '?' instead, so that the line can be read again
 * @ret_line: the line with its newline, owned by the caller, to be appended to the file
 *
 * The caller has cut off what follows @h->good_bytes in the file, if the chain was broken.
 *
 * Return: 0 (@h knows the entry then, and owns a copy of what was stored), or -ENOMEM.
 */
int dmv_history_append(DmvHistory *h, DmvHistoryEntry *e, char **ret_line, size_t *ret_size);

#endif
