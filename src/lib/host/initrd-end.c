/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ends of compressed parts, without unpacking them: zstd and lz4 say how long each block is (RFC 8878, 3.1.1;
 * the "legacy frame" of lz4's frame format), xz has a footer ("The .xz File Format", 2.1.2).
 */
#include "host/initrd-end.h"

#include <string.h>

#include "base/cleanup.h"

#define ZSTD_MAGIC UINT32_C(0xfd2fb528)
#define LZ4_MAGIC UINT32_C(0x184c2102)
/* Compressed size of an incompressible block of 8 MiB. */
#define LZ4_BLOCK_MAX (UINT32_C(8) * 1024 * 1024 + UINT32_C(8) * 1024 * 1024 / 255 + 16)
#define XZ_FOOTER 12
#define XZ_HEADER 12

/* Little-endian number of @n bytes. Return: 1, 0 if the image ends before, or a negative errno. */
static int number_at(DmvInitrdSource *s, uint64_t offset, size_t n, uint32_t *ret)
{
    uint32_t value = 0;

    for (size_t i = 0; i < n; i++) {
        const unsigned char *data = NULL;
        ssize_t there = dmv_initrd_source_look(s, offset + i, &data);

        if (there <= 0)
            return (int)there;
        value |= (uint32_t)data[0] << (8 * i);
    }
    *ret = value;
    return 1;
}

/* Sizes of the fields of a zstd frame's header that follow its descriptor. */
static uint64_t zstd_header_rest(uint32_t descriptor)
{
    static const unsigned char dictionary[] = {0, 1, 2, 4}, content[] = {0, 2, 4, 8};
    const bool single = descriptor & 0x20;
    const uint32_t flag = descriptor >> 6;

    return (single ? 0 : 1) + dictionary[descriptor & 3] + (flag == 0 && single ? 1u : content[flag]);
}

/* One frame; *@offset goes behind it. Return: 1; 0: none begins here, or it is damaged; a negative errno. */
static int skip_zstd_frame(DmvInitrdSource *s, uint64_t *offset)
{
    uint64_t at = *offset;
    uint32_t magic = 0, descriptor = 0, block = 0;
    int r = number_at(s, at, 4, &magic);

    if (r <= 0 || magic != ZSTD_MAGIC)
        return r < 0 ? r : 0;
    r = number_at(s, at + 4, 1, &descriptor);
    if (r <= 0)
        return r;
    at += 5 + zstd_header_rest(descriptor);
    while (!(block & 1)) {
        r = number_at(s, at, 3, &block);
        if (r <= 0 || (block >> 1 & 3) == 3)
            return r < 0 ? r : 0;
        at += 3 + ((block >> 1 & 3) == 1 ? 1 : block >> 3);
    }
    *offset = at + (descriptor & 4 ? 4 : 0);
    return 1;
}

static int end_of_zstd(DmvInitrdSource *s, uint64_t start, uint64_t *ret_end)
{
    uint64_t offset = start;
    int r;

    while ((r = skip_zstd_frame(s, &offset)) > 0)
        ;
    if (r == 0 && offset > start && offset < s->size)
        *ret_end = offset;
    return r;
}

static int end_of_lz4(DmvInitrdSource *s, uint64_t start, uint64_t *ret_end)
{
    uint64_t offset = start + 4;

    for (;;) {
        uint32_t size = 0;
        int r = number_at(s, offset, 4, &size);

        if (r < 0)
            return r;
        if (r == 0)
            return 0;
        if (size == LZ4_MAGIC) { /* another stream of the same kind */
            offset += 4;
            continue;
        }
        if (size == 0 || size > LZ4_BLOCK_MAX) {
            *ret_end = offset;
            return 0;
        }
        offset += 4 + (uint64_t)size;
    }
}

/* Does the footer of an xz stream that began at @start stand at @footer? */
static int is_xz_footer(DmvInitrdSource *s, uint64_t start, uint64_t footer)
{
    uint32_t begun = 0, flags = 0, backward = 0, indicator = 1;
    uint64_t index_size;
    int r = number_at(s, footer + 10, 2, &flags);

    if (r <= 0 || flags != ('Y' | 'Z' << 8))
        return r < 0 ? r : 0;
    r = number_at(s, footer + 8, 2, &flags);
    if (r > 0)
        r = number_at(s, footer + 4, 4, &backward);
    index_size = ((uint64_t)backward + 1) * 4;
    if (r <= 0 || index_size + XZ_HEADER > footer - start)
        return r < 0 ? r : 0;
    r = number_at(s, start + 6, 2, &begun);
    if (r > 0)
        r = number_at(s, footer - index_size, 1, &indicator);
    return r > 0 ? indicator == 0 && begun == flags : r;
}

static int end_of_xz(DmvInitrdSource *s, uint64_t start, uint64_t *ret_end)
{
    for (uint64_t footer = start + XZ_HEADER; footer + XZ_FOOTER <= s->size; footer += 4) {
        const unsigned char *data = NULL;
        ssize_t n = dmv_initrd_source_look(s, footer + 10, &data);
        int r;

        if (n < 0)
            return (int)n;
        if (n == 0 || data[0] != 'Y')
            continue;
        r = is_xz_footer(s, start, footer);
        if (r < 0)
            return r;
        if (r > 0) {
            *ret_end = footer + XZ_FOOTER;
            return 0;
        }
    }
    return 0;
}

/* As lib/decompress.c of the kernel tells them; lzo is missing, because libarchive would run a program for
 * it. */
static const struct {
    unsigned char magic[2];
    const char *name;
    int (*end)(DmvInitrdSource *s, uint64_t start, uint64_t *ret_end);
} formats[] = {
    {{0x1f, 0x8b}, "gzip", NULL},    {{0x42, 0x5a}, "bzip2", NULL},     {{0x5d, 0x00}, "lzma", NULL},
    {{0xfd, 0x37}, "xz", end_of_xz}, {{0x02, 0x21}, "lz4", end_of_lz4}, {{0x28, 0xb5}, "zstd", end_of_zstd},
};

int dmv_initrd_end_find(DmvInitrdSource *s, uint64_t start, const char **ret_format, uint64_t *ret_end)
{
    uint32_t magic = 0;
    int r = number_at(s, start, 2, &magic);

    *ret_format = NULL;
    *ret_end = s->size;
    for (size_t i = 0; r > 0 && i < DMV_N_ELEMENTS(formats); i++) {
        if (magic != (formats[i].magic[0] | (uint32_t)formats[i].magic[1] << 8))
            continue;
        *ret_format = formats[i].name;
        return formats[i].end ? formats[i].end(s, start, ret_end) : 0;
    }
    return r < 0 ? r : 0;
}
