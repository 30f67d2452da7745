/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Twin of a folder: the same files under further names, in folders of its own.
 *
 * It costs the folders and no content. What is changed in it by making, removing and renaming is not changed
 * in the original; what is written into a file is written for both, so nobody may do that.
 */
#ifndef DMV_HOST_TWIN_H
#define DMV_HOST_TWIN_H

#include "base/hash.h"

/* Most entries of a folder that gets a twin; Debian's kernel has 4,800. */
#define DMV_TWIN_ENTRIES_MAX 100000

/**
 * dmv_twin_fill() - fill an empty folder with what lies in another one
 * @from: the folder, open for reading
 * @to: the empty folder, open for reading, on the same filesystem
 * @left_out: names right below @from that get no second name; may be NULL
 *
 * Folders are made anew with owner, mode, times and extended attributes (labels of SELinux among them) of
 * those that they stand for, @to as well; everything else is another name of the same inode. Entries are made
 * in the order in which the filesystem lists them. Syncs nothing.
 *
 * Return: 0; -EXDEV if @from or a folder below it is a mount; -EPERM, -EMLINK, -EOPNOTSUPP, ... where a file
 * gets no second name or a folder not the attributes that it shall have; -E2BIG above
 * DMV_TWIN_ENTRIES_MAX; -ELOOP for too many levels; another negative errno. What was made so far is left.
 */
int dmv_twin_fill(int from, int to, char *const *left_out);

/**
 * dmv_twin_print() - what tells whether somebody has changed a folder, or a folder below it, since
 * @folder: open for reading
 * @ret: differs after anything in it was made, removed or renamed, or a folder got another owner or mode
 *
 * Names and inodes of all that lies in it, and the times of the folders below it. It stays the same when the
 * folder itself is renamed. Times have the step of the kernel's clock, up to 10 ms: two changes of one name
 * within it would have to lead to the same inode to go unnoticed.
 *
 * Return: 0; -ELOOP for too many levels; another negative errno.
 */
int dmv_twin_print(int folder, char ret[DMV_SHA256_HEX]);

/* Makes the folders of a tree durable, and no file. Return: 0, or a negative errno. */
int dmv_twin_sync(int folder);

#endif
