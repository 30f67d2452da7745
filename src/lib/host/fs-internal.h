/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of fs share. Not for other files. */
#ifndef DMV_HOST_FS_INTERNAL_H
#define DMV_HOST_FS_INTERNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "host/fs.h"

/* What dmv_fs_list() and the like give, as one thing. */
typedef struct DmvFsListing {
    DmvFsEntry *entries;
    size_t n;
} DmvFsListing;

static inline void dmv_fs_listing_deinit(DmvFsListing *l)
{
    dmv_fs_entries_free(l->entries, l->n);
}
#define DMV_CLEANUP_LISTING DMV_CLEANUP(dmv_fs_listing_deinit)

/* What a file is called until it is renamed over another: 16 hex digits in between. */
#define DMV_FS_TEMPORARY_PREFIX ".dmv-"
#define DMV_FS_TEMPORARY_SUFFIX ".tmp"
#define DMV_FS_TEMPORARY_SIZE sizeof(DMV_FS_TEMPORARY_PREFIX "0123456789abcdef" DMV_FS_TEMPORARY_SUFFIX)

/**
 * dmv_fs_walk() - dmv_fs_open() and dmv_fs_open_nolinks() without openat2(2)
 * @follow: links are followed as long as they stay below @dirfd; false: each is refused with -ELOOP
 *
 * Return: as these two.
 */
int dmv_fs_walk(int dirfd, const char *path, int flags, mode_t mode, bool follow);
/**
 * dmv_fs_open_parent() - the folder that holds what a path names
 * @dirfd: the folder that @path is relative to
 * @path: its last component is not looked at
 * @ret_name: the last component, owned by the caller
 *
 * Return: a descriptor that can be synced; -EINVAL if the last component is "", "." or ".."; another negative
 * errno.
 */
int dmv_fs_open_parent(int dirfd, const char *path, char **ret_name);
/* fsync(2), again after a signal. */
int dmv_fs_sync_fd(int fd);

#endif
