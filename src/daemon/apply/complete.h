/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a new index what depmod makes of the tree, or of what it could read of it? */
#ifndef DMV_APPLY_COMPLETE_H
#define DMV_APPLY_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

enum {
    DMV_INDEX_MODULES, /* modules.dep */
    DMV_INDEX_BUILTIN,
    DMV_INDEX_BUILTIN_ALIAS,
    DMV_INDEX_N_JUDGED,
};

/* What two runs of depmod over the same tree have in common: some of its files, see dmv_index_read_judged().
 */
typedef struct DmvIndexJudged {
    char *data[DMV_INDEX_N_JUDGED]; /* NULL: there is no such file */
    size_t size[DMV_INDEX_N_JUDGED];
} DmvIndexJudged;

/* Frees what @j owns and clears it. */
void dmv_index_judged_deinit(DmvIndexJudged *j);
#define DMV_CLEANUP_INDEX_JUDGED DMV_CLEANUP(dmv_index_judged_deinit)

/* Reads the files of the index in the open @folder that judgements are made of. @ret: owned by the caller.
 * Return: 0, or a negative errno. */
int dmv_index_read_judged(int folder, DmvIndexJudged *ret);

/**
 * dmv_index_is_explained() - is there nothing in a new index that no choice of variants explains?
 * @before: the old index
 * @now: the new one
 * @order: modules.order of the kernel, which says which of two drivers for a device comes first; NULL: it has
 * none
 *
 * Which variants are selected does not change what is built into the kernel, and modules come in the order of
 * modules.order, before those that are not in it. depmod leaves that out when it could not read a file; but
 * something else is new after an update of the kernel, too.
 *
 * Return: 1 if so, 0 if not; -ENOENT if @now has no modules.dep; -ENOMEM.
 */
int dmv_index_is_explained(const DmvIndexJudged *before, const DmvIndexJudged *now, const char *order);

/* Are both the same, byte by byte? */
bool dmv_index_is_same(const DmvIndexJudged *a, const DmvIndexJudged *b);

/**
 * dmv_index_find_missing() - a module that depmod should have found
 * @folder: open folder of a kernel, or its shadow (host/shadow.h)
 * @before: the old index
 * @now: the new one
 * @ret: path of a file that the old index has, which is there in @folder, and whose module the new index has
 * not; NULL if there is none or no old index; owned by the caller
 *
 * Variants that nobody selected are not missed.
 *
 * Return: 0, or a negative errno.
 */
int dmv_index_find_missing(int folder, const DmvIndexJudged *before, const DmvIndexJudged *now, char **ret);

/* Can the folders that lead to @path below the open @folder be read to their end? Return: 0, or a negative
 * errno. */
int dmv_index_check_folders(int folder, const char *path);

#endif
