/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module's file, compressed or not: what every reader of modules does first. */
#ifndef DMV_HOST_MODULE_FILE_H
#define DMV_HOST_MODULE_FILE_H

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

#endif
