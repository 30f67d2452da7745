/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module's file, compressed or not: what every reader of modules does first. */
#ifndef DMV_HOST_MODULE_FILE_H
#define DMV_HOST_MODULE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"

/* The largest module of a distribution has about 12 MiB without debugging data, with it 100 MiB. */
#define DMV_MODULE_MAX ((size_t)128 * 1024 * 1024)

/**
 * dmv_module_file_load() - get at the bytes of a module
 * @fd: the file
 * @ret_plain: the unpacked bytes of a compressed module, owned by the caller; NULL for one that is not: it is
 *             not read as a whole
 * @ret_size: bytes of the uncompressed module
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_TOO_LARGE above DMV_MODULE_MAX; DMV_MALFORMED if it cannot be unpacked; -EISDIR, -EINVAL if
 * this is no regular file; another negative errno.
 */
int dmv_module_file_load(int fd, void **ret_plain, uint64_t *ret_size, DmvError *reterr);

/**
 * dmv_module_file_bytes() - all bytes of a module, uncompressed
 * @dirfd: the folder that counts as "/"
 * @path: relative to it; links are followed as a process chrooted there would
 * @ret: owned by the caller
 *
 * Return: as above, and -ENOENT for a link that leads nowhere.
 */
int dmv_module_file_bytes(int dirfd, const char *path, void **ret, size_t *ret_size, DmvError *reterr);

/* The same for a compressed module that is in memory already. Return: 0; DMV_TOO_LARGE; DMV_MALFORMED;
 * -EOPNOTSUPP without libarchive; -ENOMEM. */
int dmv_module_file_unpack(const void *packed, size_t packed_size, void **ret, size_t *ret_size,
                           DmvError *reterr);

#endif
