/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * librpm gives neither the end of a key nor the type of a signature, so they are read here. Every length is
 * compared with what is left before it is used.
 */
#include "openpgp.h"

#include <string.h>

/* Subpackets (RFC 4880, 5.2.3.1; the fingerprint is of RFC 4880bis, and all of gpg since 2.1 write it). */
enum { SUB_MADE = 2, SUB_KEY_LIFETIME = 9, SUB_ISSUER = 16, SUB_ISSUER_FINGERPRINT = 33 };

/* Version (4) and SHA-1; the key id is its end. */
#define FINGERPRINT_SIZE 21

/* ---- packets ---- */

/* The length field of the old packet format: 1, 2 or 4 bytes, or "to the end". */
static bool old_length(const uint8_t **p, const uint8_t *end, unsigned type, size_t *ret)
{
    size_t n = type == 3 ? 0 : (size_t)1 << type;
    size_t length = 0;

    if ((size_t)(end - *p) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        length = length << 8 | *(*p)++;
    *ret = n ? length : (size_t)(end - *p);
    return true;
}

/*
 * The length field of the new packet format, and that of a subpacket: 1, 2 or 5 bytes. The first byte of two
 * goes up to @two_max; beyond it stand partial lengths.
 */
static bool new_length(const uint8_t **p, const uint8_t *end, unsigned two_max, size_t *ret)
{
    size_t left = (size_t)(end - *p);
    const uint8_t *b = *p;

    if (left >= 1 && b[0] < 192) {
        *ret = b[0];
        *p += 1;
    } else if (left >= 2 && b[0] <= two_max) {
        *ret = ((size_t)(b[0] - 192) << 8) + b[1] + 192;
        *p += 2;
    } else if (left >= 5 && b[0] == 255) {
        *ret = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
        *p += 5;
    } else {
        return false;
    }
    return true;
}

bool dmv_pgp_next(const uint8_t **p, const uint8_t *end, DmvPgpPacket *ret)
{
    uint8_t head;

    if (*p >= end)
        return false;
    ret->start = *p;
    head = *(*p)++;
    if (!(head & 0x80))
        return false;
    if (head & 0x40) {
        ret->tag = head & 0x3f;
        if (!new_length(p, end, 223, &ret->size))
            return false;
    } else {
        ret->tag = (head >> 2) & 0x0f;
        if (!old_length(p, end, head & 3, &ret->size))
            return false;
    }
    if (ret->size > (size_t)(end - *p))
        return false;
    ret->body = *p;
    *p += ret->size;
    return true;
}

/* ---- signatures ---- */

static uint32_t be32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* A key is named by its id, by its fingerprint, or by both; two different ones are none. */
static bool take_issuer(DmvPgpSignature *s, const uint8_t *id)
{
    if (s->has_issuer && memcmp(s->issuer.bytes, id, DMV_KEY_ID_SIZE) != 0)
        return false;
    memcpy(s->issuer.bytes, id, DMV_KEY_ID_SIZE);
    s->has_issuer = true;
    return true;
}

/* @size counts the type; the highest bit of that says "critical". */
static bool read_subpacket(const uint8_t *b, size_t size, bool covered, DmvPgpSignature *s)
{
    switch (b[0] & 0x7f) {
    case SUB_MADE:
        if (covered && size == 5)
            s->made = be32(b + 1);
        return size == 5;
    case SUB_KEY_LIFETIME:
        if (covered && size == 5)
            s->key_lifetime = be32(b + 1);
        return size == 5;
    case SUB_ISSUER:
        return size == 1 + DMV_KEY_ID_SIZE && take_issuer(s, b + 1);
    case SUB_ISSUER_FINGERPRINT:
        /* those of later versions name keys that cannot have made a signature of version 4 */
        return size == 1 + FINGERPRINT_SIZE && b[1] == 4 &&
               take_issuer(s, b + 1 + FINGERPRINT_SIZE - DMV_KEY_ID_SIZE);
    default:
        return true;
    }
}

/* Two bytes of length and as many bytes of subpackets. */
static bool read_area(const uint8_t **p, const uint8_t *end, bool covered, DmvPgpSignature *s)
{
    const uint8_t *area_end;
    size_t size;

    if (end - *p < 2)
        return false;
    size = (size_t)(*p)[0] << 8 | (*p)[1];
    *p += 2;
    if (size > (size_t)(end - *p))
        return false;
    area_end = *p + size;
    while (*p < area_end) {
        size_t n;

        if (!new_length(p, area_end, 254, &n) || n == 0 || n > (size_t)(area_end - *p))
            return false;
        if (!read_subpacket(*p, n, covered, s))
            return false;
        *p += n;
    }
    return true;
}

bool dmv_pgp_signature_read(const DmvPgpPacket *k, DmvPgpSignature *ret)
{
    const uint8_t *p = k->body, *end = k->body + k->size;
    DmvPgpSignature s = {0};

    /* version, type, algorithm of the key, algorithm of the hash */
    if (k->size < 4 || p[0] != 4)
        return false;
    s.type = p[1];
    p += 4;
    if (!read_area(&p, end, true, &s) || !read_area(&p, end, false, &s))
        return false;
    *ret = s;
    return true;
}
