/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image as one run of unpacked bytes, whatever it is compressed with and however many archives it holds.
 */
#ifndef DMV_HOST_INITRD_SOURCE_H
#define DMV_HOST_INITRD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"
#include "host/unpack.h"

/* Bytes of a file that are in memory at a time. */
#define DMV_INITRD_WINDOW ((size_t)64 * 1024)
/* Unpacked bytes of a whole image. The largest that people build (everything, with debugging data) have a
 * third. */
#define DMV_INITRD_UNPACKED_MAX ((uint64_t)4 * 1024 * 1024 * 1024)

typedef struct DmvInitrdSource {
    /* the image: in memory, or a file */
    const unsigned char *memory;
    int fd;
    uint64_t size;
    /* the piece of the file that was read last */
    unsigned char *window;
    uint64_t window_start;
    size_t window_size;
    /* where reading goes on */
    uint64_t offset;         /* in the image */
    DmvUnpackStream *stream; /* of the compressed part that is being read, NULL in a plain one */
    uint64_t stream_start, stream_end, stream_fed;
    uint64_t stream_position; /* unpacked bytes of it that were read */
    unsigned char *ahead;     /* unpacked bytes that were not read yet */
    size_t ahead_next, ahead_size;
    uint64_t total; /* of all that was read */
} DmvInitrdSource;

/* Memory that the caller holds, or a file (@memory NULL) of @size bytes. Return: 0, or -ENOMEM. */
int dmv_initrd_source_init(DmvInitrdSource *s, const void *memory, int fd, uint64_t size);
void dmv_initrd_source_deinit(DmvInitrdSource *s);
#define DMV_CLEANUP_INITRD_SOURCE DMV_CLEANUP(dmv_initrd_source_deinit)

/* The bytes of the image that are at hand from @offset on, at least one unless it ends there. Return: how
 * many, or a negative errno. */
ssize_t dmv_initrd_source_look(DmvInitrdSource *s, uint64_t offset, const unsigned char **ret);

/**
 * dmv_initrd_source_next_archive() - go to the next archive
 * @s: behind the trailer of the one before, or at the beginning
 * @ret_found: true: a header begins here; false: the image ends here
 * @reterr: filled on a refusal
 *
 * Skips zeros, and enters or leaves a compressed part.
 *
 * Return: 0; DMV_MALFORMED; DMV_TOO_LARGE; -EOPNOTSUPP; another negative errno.
 */
int dmv_initrd_source_next_archive(DmvInitrdSource *s, bool *ret_found, DmvError *reterr);

/**
 * dmv_initrd_source_read() - exactly @size bytes of the archive
 * @data: where to, or NULL to skip them
 *
 * Return: 0; DMV_MALFORMED if it ends before; DMV_TOO_LARGE; a negative errno.
 */
int dmv_initrd_source_read(DmvInitrdSource *s, void *data, uint64_t size, DmvError *reterr);

#endif
