/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compressed modules: .ko.xz, .ko.zst, .ko.gz, told by their first bytes and not by their names; and
 * compressed streams of any length, piece by piece, in the formats that the kernel takes for an initrd.
 */
#ifndef DMV_HOST_UNPACK_H
#define DMV_HOST_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

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

typedef struct DmvUnpackStream DmvUnpackStream;

/* Where a stream gets its bytes: sets *@ret_data, valid until the next call, and returns how many there are;
 * 0 at the end; a negative errno. */
typedef ssize_t (*DmvUnpackSource)(void *userdata, const void **ret_data);

/**
 * dmv_unpack_stream_new() - begin to unpack gzip, bzip2, lzma, xz, lz4 or zstd
 * @source: called when more compressed bytes are needed
 * @userdata: for @source; has to live as long as the stream
 * @ret: free with dmv_unpack_stream_free()
 *
 * Return: 0; DMV_MALFORMED if it is none of the formats; -EOPNOTSUPP when libarchive is not installed, or
 * without one of them; -ENOMEM.
 */
int dmv_unpack_stream_new(DmvUnpackSource source, void *userdata, DmvUnpackStream **ret);

/**
 * dmv_unpack_stream_read() - the next bytes
 * @s: the stream
 * @data: where to
 * @size: bytes wanted, at least 1
 *
 * Return: how many there are; 0 at the end; -EBADMSG if the rest cannot be unpacked.
 */
ssize_t dmv_unpack_stream_read(DmvUnpackStream *s, void *data, size_t size);

/* Compressed bytes that the unpacked ones came from; at the end of gzip and bzip2: exactly the stream. */
uint64_t dmv_unpack_stream_consumed(DmvUnpackStream *s);
DmvUnpackStream *dmv_unpack_stream_free(DmvUnpackStream *s);
DMV_DEFINE_CLEANUP(DmvUnpackStream *, dmv_cleanup_unpack_stream, dmv_unpack_stream_free);

#endif
