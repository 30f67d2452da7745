/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a new index have all that the old one had? */
#ifndef DMV_APPLY_COMPLETE_H
#define DMV_APPLY_COMPLETE_H

/**
 * dmv_index_find_missing() - a module that depmod should have found
 * @folder: open folder of a kernel, or its shadow (host/shadow.h), with the new index
 * @before: open folder that holds the old index
 * @ret: path of a file that the old index has, which is there in @folder, and whose module the new index has
 * not; NULL if there is none or no old index; owned by the caller
 *
 * Variants that nobody selected are not missed.
 *
 * Return: 0, or a negative errno.
 */
int dmv_index_find_missing(int folder, int before, char **ret);

/* Can the folders that lead to @path below the open @folder be read to their end? Return: 0, or a negative
 * errno. */
int dmv_index_check_folders(int folder, const char *path);

#endif
