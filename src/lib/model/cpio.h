/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Headers of the cpio format "newc", the only one that the kernel takes for an initrd
 * (Documentation/driver-api/early-userspace/buffer-format).
 *
 * libarchive reads this format too, but not as the kernel does: it takes the older dialects, looks for the
 * next header after garbage, and ends at the first trailer, where the kernel refuses, stops, and goes on.
 */
#ifndef DMV_MODEL_CPIO_H
#define DMV_MODEL_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a header; the name follows, then the body, each padded with zeros to four bytes. */
#define DMV_CPIO_HEADER ((size_t)110)
/* The name of the member that ends an archive. */
#define DMV_CPIO_TRAILER "TRAILER!!!"

typedef struct DmvCpioHeader {
    uint32_t ino, mode, n_links, dev_major, dev_minor;
    uint32_t size;      /* bytes of the body: content of a file, target of a link */
    uint32_t name_size; /* with the NUL */
} DmvCpioHeader;

/**
 * dmv_cpio_header_parse() - read one header
 * @bytes: DMV_CPIO_HEADER of them
 * @ret: filled
 *
 * Return: 0; DMV_MALFORMED if this is no header of "newc", with or without checksums.
 */
int dmv_cpio_header_parse(const char *bytes, DmvCpioHeader *ret);

/* Zeros after the name. */
size_t dmv_cpio_name_padding(const DmvCpioHeader *h);
/* Zeros after the body. */
size_t dmv_cpio_body_padding(const DmvCpioHeader *h);

#endif
