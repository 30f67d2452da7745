/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Canonical base64 (RFC 4648 section 4): one text for one sequence of bytes, and no other.
 *
 * OpenSSL's decoder skips white space, counts in int and does not mind stray bits before the padding, so that
 * two texts could stand for the same signed bytes.
 */
#ifndef DMV_TRUST_BASE64_H
#define DMV_TRUST_BASE64_H

#include <stddef.h>

#include "base/text.h"

/* Upper bound for the bytes that @size characters decode to. */
static inline size_t dmv_base64_decoded_max(size_t size)
{
    return size / 4 * 3;
}

/**
 * dmv_base64_decode() - text to bytes
 * @text: the characters
 * @size: how many; with padding, so a multiple of 4
 * @ret: room for dmv_base64_decoded_max(@size) bytes
 * @ret_size: how many bytes there are
 *
 * Return: 0; DMV_BAD_BASE64 for another alphabet (URL-safe too), white space, missing or misplaced padding,
 * or bits that are not zero before the padding.
 */
int dmv_base64_decode(const char *text, size_t size, unsigned char *ret, size_t *ret_size);

/* Appends the text of @size bytes. Lack of memory shows in @t. */
void dmv_base64_encode(const void *data, size_t size, DmvText *t);

#endif
