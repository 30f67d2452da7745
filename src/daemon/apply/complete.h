/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a new index have all that the old one had? */
#ifndef DMV_APPLY_COMPLETE_H
#define DMV_APPLY_COMPLETE_H

#include "host/roots.h"

/**
 * dmv_index_find_missing() - a module that depmod should have found
 * @r: the roots
 * @kver: kernel release; its old index is kept (keep.h)
 * @ret: path of a file that the old index has, which is still there, and whose module the new index has not,
 * relative to the kernel's folder; NULL if there is none or no index is kept; owned by the caller
 *
 * Variants that nobody selected are not missed.
 *
 * Return: 0, or a negative errno.
 */
int dmv_index_find_missing(const DmvRoots *r, const char *kver, char **ret);

/* Can the folders that lead to @path, which is relative to the kernel's, be read to their end? Return: 0, or
 * a negative errno. */
int dmv_index_check_folders(const DmvRoots *r, const char *kver, const char *path);

#endif
