/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpacking by libarchive, with the filters that modules and initrds use and the "raw" format: nothing else
 * that libarchive knows may see these bytes. A filter that would start an external program is refused.
 *
 * The library is opened when the first compressed module is met, and not linked: with what it brings along
 * (XML, ICU, C++) it would be a fifth of the memory of a daemon that never needs it on a host with plain
 * modules.
 */
#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "dmv/outcome.h"

#define CHUNK ((size_t)256 * 1024)
/* The library's binary interface since 2011. */
#define LIBRARY "libarchive.so.13"

typedef struct Library {
    __typeof__(archive_read_new) *read_new;
    __typeof__(archive_read_free) *read_free;
    __typeof__(archive_read_support_filter_xz) *filter_xz;
    __typeof__(archive_read_support_filter_zstd) *filter_zstd;
    __typeof__(archive_read_support_filter_gzip) *filter_gzip;
    __typeof__(archive_read_support_filter_bzip2) *filter_bzip2;
    __typeof__(archive_read_support_filter_lzma) *filter_lzma;
    __typeof__(archive_read_support_filter_lz4) *filter_lz4;
    __typeof__(archive_read_support_format_raw) *format_raw;
    __typeof__(archive_read_open) *open;
    __typeof__(archive_read_open_memory) *open_memory;
    __typeof__(archive_read_next_header) *next_header;
    __typeof__(archive_read_data) *read_data;
    __typeof__(archive_filter_bytes) *filter_bytes;
    __typeof__(archive_set_error) *set_error;
} Library;

static Library lib; /* complete, or without read_new */

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

/* Return: 0, or -EOPNOTSUPP when the library is not on this host. */
static int open_library(void)
{
    static const struct {
        const char *name;
        size_t offset;
    } symbols[] = {
        {"archive_read_new", offsetof(Library, read_new)},
        {"archive_read_free", offsetof(Library, read_free)},
        {"archive_read_support_filter_xz", offsetof(Library, filter_xz)},
        {"archive_read_support_filter_zstd", offsetof(Library, filter_zstd)},
        {"archive_read_support_filter_gzip", offsetof(Library, filter_gzip)},
        {"archive_read_support_filter_bzip2", offsetof(Library, filter_bzip2)},
        {"archive_read_support_filter_lzma", offsetof(Library, filter_lzma)},
        {"archive_read_support_filter_lz4", offsetof(Library, filter_lz4)},
        {"archive_read_support_format_raw", offsetof(Library, format_raw)},
        {"archive_read_open", offsetof(Library, open)},
        {"archive_read_open_memory", offsetof(Library, open_memory)},
        {"archive_read_next_header", offsetof(Library, next_header)},
        {"archive_read_data", offsetof(Library, read_data)},
        {"archive_filter_bytes", offsetof(Library, filter_bytes)},
        {"archive_set_error", offsetof(Library, set_error)},
    };
    Library found = {0};
    void *handle;

    if (lib.read_new)
        return 0;
    handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* for the life of the process */
    if (!handle)
        return -EOPNOTSUPP;
    for (size_t i = 0; i < DMV_N_ELEMENTS(symbols); i++) {
        void *symbol = dlsym(handle, symbols[i].name);

        if (!symbol) {
            (void)dlclose(handle);
            return -EOPNOTSUPP;
        }
        memcpy((char *)&found + symbols[i].offset, &symbol, sizeof(symbol));
    }
    lib = found;
    return 0;
}

static inline void cleanup_archive(struct archive **a)
{
    if (*a)
        (void)lib.read_free(*a);
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
        n = lib.read_data(a, out + size, CHUNK);
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

static int start(struct archive *a, const void *data, size_t size)
{
    struct archive_entry *entry;

    if (lib.filter_xz(a) != ARCHIVE_OK || lib.filter_zstd(a) != ARCHIVE_OK ||
        lib.filter_gzip(a) != ARCHIVE_OK || lib.format_raw(a) != ARCHIVE_OK)
        return -EOPNOTSUPP;
    if (lib.open_memory(a, data, size) != ARCHIVE_OK || lib.next_header(a, &entry) != ARCHIVE_OK)
        return DMV_MALFORMED;
    return 0;
}

int dmv_unpack(const void *data, size_t size, size_t max, void **ret, size_t *ret_size)
{
    DMV_CLEANUP(cleanup_archive) struct archive *a = NULL;
    int r = open_library();

    if (r < 0)
        return r;
    a = lib.read_new();
    if (!a)
        return -ENOMEM;
    r = start(a, data, size);
    return r == 0 ? read_all(a, max, ret, ret_size) : r;
}

/* ---- streams ---- */

struct DmvUnpackStream {
    struct archive *archive;
    DmvUnpackSource source;
    void *userdata;
};

static ssize_t feed(struct archive *a, void *userdata, const void **ret_data)
{
    DmvUnpackStream *s = userdata;
    ssize_t n = s->source(s->userdata, ret_data);

    if (n >= 0)
        return n;
    lib.set_error(a, (int)-n, "the source failed");
    return -1;
}

DmvUnpackStream *dmv_unpack_stream_free(DmvUnpackStream *s)
{
    if (!s)
        return NULL;
    cleanup_archive(&s->archive);
    free(s);
    return NULL;
}

int dmv_unpack_stream_new(DmvUnpackSource source, void *userdata, DmvUnpackStream **ret)
{
    DMV_CLEANUP(dmv_cleanup_unpack_stream) DmvUnpackStream *s = calloc(1, sizeof(*s));
    struct archive_entry *entry;
    int r = s ? open_library() : -ENOMEM;

    if (r < 0)
        return r;
    s->source = source;
    s->userdata = userdata;
    s->archive = lib.read_new();
    if (!s->archive)
        return -ENOMEM;
    if (lib.filter_gzip(s->archive) != ARCHIVE_OK || lib.filter_bzip2(s->archive) != ARCHIVE_OK ||
        lib.filter_lzma(s->archive) != ARCHIVE_OK || lib.filter_xz(s->archive) != ARCHIVE_OK ||
        lib.filter_lz4(s->archive) != ARCHIVE_OK || lib.filter_zstd(s->archive) != ARCHIVE_OK ||
        lib.format_raw(s->archive) != ARCHIVE_OK)
        return -EOPNOTSUPP;
    if (lib.open(s->archive, s, NULL, feed, NULL) != ARCHIVE_OK ||
        lib.next_header(s->archive, &entry) != ARCHIVE_OK)
        return DMV_MALFORMED;
    *ret = DMV_TAKE_PTR(s);
    return 0;
}

ssize_t dmv_unpack_stream_read(DmvUnpackStream *s, void *data, size_t size)
{
    ssize_t n = lib.read_data(s->archive, data, size);

    return n < 0 ? -EBADMSG : n;
}

uint64_t dmv_unpack_stream_consumed(DmvUnpackStream *s)
{
    return (uint64_t)lib.filter_bytes(s->archive, -1);
}
