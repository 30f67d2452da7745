/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver disk: a tar, plain or compressed, or an ISO 9660 image, file by file. Nothing in it is believed:
 * what comes out are names that are plain paths, and bytes within limits. Only the fetch worker links this.
 */
#ifndef DMV_DISK_DISK_H
#define DMV_DISK_DISK_H

#include <stdint.h>

#include "base/cleanup.h"
#include "dmv/outcome.h"

/* Bytes of the image: what a DVD holds, less than RLIMIT_FSIZE of the worker. */
#define DMV_DISK_SIZE_MAX ((uint64_t)4 * 1024 * 1024 * 1024)
/* Bytes of all files together, and of what the image unpacks to. */
#define DMV_DISK_UNPACKED_MAX ((uint64_t)8 * 1024 * 1024 * 1024)
/* Folders count too. */
#define DMV_DISK_ENTRIES_MAX ((size_t)65536)

typedef struct DmvDiskOptions {
    /* bytes of the image that were read, and all of them; a negative return gives up */
    int (*progress)(uint64_t done, uint64_t total, void *userdata);
    void *userdata;
} DmvDiskOptions;

typedef struct DmvDisk DmvDisk;

/**
 * dmv_disk_open() - begin to read an image
 * @fd: a regular file, open for reading; borrowed, and read by offsets, from its beginning
 * @o: copied; NULL: no progress
 * @ret: free with dmv_disk_free()
 * @reterr: filled on a refusal
 *
 * The size is looked at once: what is appended later is not read, and what is cut off is missing.
 *
 * Return: 0; DMV_INVALID_REQUEST for what is no regular file; DMV_EMPTY, as files of procfs are;
 * DMV_TOO_LARGE above DMV_DISK_SIZE_MAX; DMV_MALFORMED if it is neither tar nor ISO 9660; DMV_CANCELLED;
 * -EOPNOTSUPP for a libarchive that lacks a format; another negative errno.
 */
int dmv_disk_open(int fd, const DmvDiskOptions *o, DmvDisk **ret, DmvError *reterr);

/**
 * dmv_disk_next() - the next file
 * @d: the disk
 * @ret_path: relative, without "." and ".." in it; valid until the next call; NULL at the end
 * @ret_size: its bytes
 * @reterr: filled on a refusal
 *
 * Folders are passed over. Links, devices, and names that lead elsewhere refuse the whole disk.
 *
 * Return: 0; DMV_MALFORMED; DMV_TOO_LARGE above a limit; DMV_CANCELLED; a negative errno.
 */
int dmv_disk_next(DmvDisk *d, const char **ret_path, uint64_t *ret_size, DmvError *reterr);

/**
 * dmv_disk_save() - the bytes of the file that dmv_disk_next() named
 * @d: the disk
 * @out: open for writing; gets exactly as many bytes as the file's size was said to be
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_MALFORMED if there are less or more, or the image is damaged; DMV_CANCELLED; a negative
 * errno.
 */
int dmv_disk_save(DmvDisk *d, int out, DmvError *reterr);

DmvDisk *dmv_disk_free(DmvDisk *d);
DMV_DEFINE_CLEANUP(DmvDisk *, dmv_cleanup_disk, dmv_disk_free);

#endif
