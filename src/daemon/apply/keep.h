/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index of a kernel, kept aside while a transaction is not confirmed that changes the kernel's folder in
 * steps. Where the folder is exchanged (exchange.h), the old one holds it.
 *
 * Running depmod again would give back an index like the old one, but not when it is depmod or the disk that
 * failed. So the old files are kept as further names of the same files (they cost nothing: depmod makes new
 * ones and renames), and going back is eleven renames.
 */
#ifndef DMV_APPLY_KEEP_H
#define DMV_APPLY_KEEP_H

#include <stddef.h>

#include "daemon/shared/leftovers.h"

/**
 * dmv_keep_list() - which index files a kernel has
 * @root: the root's descriptor
 * @folder: the kernel's folder, relative to it
 * @ret: names such as "modules.dep.bin", sorted, owned by the caller; what comes with the kernel
 * (modules.order, modules.builtin, ...) is not among them
 *
 * Return: 0, or a negative errno.
 */
int dmv_keep_list(int root, const char *folder, char ***ret);

/* Keeps these files, and syncs. What an older transaction kept is dropped. Return: 0, or a negative errno. */
int dmv_keep_save(int root, const char *folder, char *const *names);

/**
 * dmv_keep_restore() - put the kept files back, and remove index files that were not there
 * @root: the root's descriptor
 * @folder: the kernel's folder
 * @names: all the files that were there
 *
 * One that is not kept was not changed yet, or is back already: restoring twice is like restoring once.
 * Syncs.
 *
 * Return: 0, or a negative errno.
 */
int dmv_keep_restore(int root, const char *folder, char *const *names);

/* Forgets what was kept. Return: 1 if there was something, 0 if not, or a negative errno. */
int dmv_keep_drop(int root, const char *folder);

/**
 * dmv_keep_stage() - have another index ready beside the kept one
 * @root: the root's descriptor
 * @folder: the kernel's folder, whose index is kept (dmv_keep_save())
 * @from: open folder that holds the files of the index
 *
 * Copies, and syncs.
 *
 * Return: 0, or a negative errno.
 */
int dmv_keep_stage(int root, const char *folder, int from);
/* Renames the files of the staged index into place and syncs the folder. Return: 0, or a negative errno. */
int dmv_keep_enter(int root, const char *folder);

/* Copies these files of an index from one open folder to another one, which has none of them, and syncs the
 * files. Return: 0, or a negative errno. */
int dmv_keep_copy_all(int from, int to, char *const *names);

/* Copies one file of an index and syncs the copy; both names are relative to folders. Return: 0, or a
 * negative errno (-EEXIST if @to_name is there); no half of a file is left. */
int dmv_keep_copy(int from, const char *from_name, int to, const char *to_name);

/* What tells this index from one that somebody makes later; "" if there is none. Return: 0, or a negative
 * errno. */
int dmv_keep_stamp(int root, const char *folder, char **ret);

#endif
