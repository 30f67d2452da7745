/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a compressed part of an image is, and where it ends. */
#ifndef DMV_HOST_INITRD_END_H
#define DMV_HOST_INITRD_END_H

#include "host/initrd-source.h"

/**
 * dmv_initrd_end_find() - look at the beginning of a compressed part, and for its end
 * @s: the image
 * @start: offset of the part
 * @ret_format: name of the format, a static string; NULL if the kernel does not know it
 * @ret_end: offset of what follows; the image's size where the format's own reader will find it, or where the
 *           part is damaged
 *
 * Return: 0, or a negative errno.
 */
int dmv_initrd_end_find(DmvInitrdSource *s, uint64_t start, const char **ret_format, uint64_t *ret_end);

#endif
