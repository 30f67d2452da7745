/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line of the history, for history.c. */
#ifndef DMV_MODEL_HISTORY_LINE_H
#define DMV_MODEL_HISTORY_LINE_H

#include "model/history.h"

/* What a line says beside its entry. */
typedef struct DmvHistoryLink {
    char previous[DMV_SHA256_HEX]; /* hash of the line before it */
    bool begins;                   /* it is the first of a file */
} DmvHistoryLink;

/* One line without its newline. Return: 0; an outcome if it is no entry; -ENOMEM. */
int dmv_history_line_parse(const char *line, size_t size, DmvHistoryEntry *ret, DmvHistoryLink *ret_link,
                           DmvError *reterr);

/* A copy of an entry with which dmv_history_line_parse() will be content: see dmv_history_append(). Return:
 * 0, or -ENOMEM. */
int dmv_history_entry_copy(const DmvHistoryEntry *e, DmvHistoryEntry *ret);

/* The line of an entry with its newline, and its hash. Return: 0, or -ENOMEM. */
int dmv_history_line_format(const DmvHistoryEntry *e, const DmvHistoryLink *link, char **ret,
                            size_t *ret_size, char ret_hash[DMV_SHA256_HEX]);

#endif
