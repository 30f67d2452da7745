/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compressed modules: .ko.xz, .ko.zst, .ko.gz, told by their first bytes and not by their names. */
#ifndef DMV_HOST_UNPACK_H
#define DMV_HOST_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

/* Is this the beginning of a file in one of the three formats? Six bytes are enough. */
bool dmv_unpack_is_compressed(const void *data, size_t size);

/**
 * dmv_unpack() - unpack one compressed file in memory
 * @data: the bytes
 * @size: how many
 * @max: bytes that may come out
 * @ret: what comes out, owned by the caller
 * @ret_size: how much
 *
 * Return: 0; DMV_TOO_LARGE above @max; DMV_MALFORMED; -EOPNOTSUPP when libarchive is not installed, or
 * without one of the three formats; -ENOMEM.
 */
int dmv_unpack(const void *data, size_t size, size_t max, void **ret, size_t *ret_size);

#endif
