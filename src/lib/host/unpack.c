/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpacking by libarchive, with the three filters that modules use and the "raw" format: nothing else that
 * libarchive knows may see these bytes. A filter that would start an external program is refused.
 */
#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "dmv/outcome.h"

#define CHUNK ((size_t)256 * 1024)

static const struct {
    const char *bytes;
    size_t size;
} beginnings[] = {
    {"\xfd"
     "7zXZ\0",
     6},
    {"\x28\xb5\x2f\xfd", 4},
    {"\x1f\x8b", 2},
};

static inline void cleanup_archive(struct archive **a)
{
    if (*a)
        (void)archive_read_free(*a);
}

bool dmv_unpack_is_compressed(const void *data, size_t size)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(beginnings); i++)
        if (size >= beginnings[i].size && memcmp(data, beginnings[i].bytes, beginnings[i].size) == 0)
            return true;
    return false;
}

static int read_all(struct archive *a, size_t max, void **ret, size_t *ret_size)
{
    DMV_CLEANUP_FREE char *out = NULL;
    size_t size = 0, allocated = 0;

    for (;;) {
        ssize_t n;

        if (allocated - size < CHUNK) {
            char *p = realloc(out, allocated ? allocated * 2 : 4 * CHUNK);

            if (!p)
                return -ENOMEM;
            out = p;
            allocated = allocated ? allocated * 2 : 4 * CHUNK;
        }
        n = archive_read_data(a, out + size, CHUNK);
        if (n < 0)
            return DMV_MALFORMED;
        if (n == 0)
            break;
        size += (size_t)n;
        if (size > max)
            return DMV_TOO_LARGE;
    }
    *ret = DMV_TAKE_PTR(out);
    *ret_size = size;
    return 0;
}

int dmv_unpack(const void *data, size_t size, size_t max, void **ret, size_t *ret_size)
{
    DMV_CLEANUP(cleanup_archive) struct archive *a = archive_read_new();
    struct archive_entry *entry;

    if (!a)
        return -ENOMEM;
    if (archive_read_support_filter_xz(a) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(a) != ARCHIVE_OK || archive_read_support_format_raw(a) != ARCHIVE_OK)
        return -EOPNOTSUPP;
    if (archive_read_open_memory(a, data, size) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return DMV_MALFORMED;
    return read_all(a, max, ret, ret_size);
}
