/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Canonical base64. See base64.h. */
#include "base64.h"

#include <stdint.h>

#include "dmv/outcome.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a character plus one, so that what is not listed reads as zero. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* The value of the character at @p; sets @bad if it is not in the alphabet. */
static inline uint32_t value(const char *p, bool *bad)
{
    uint8_t v = values[(unsigned char)*p];

    *bad |= v == 0;
    return (uint32_t)(v - 1) & 63;
}

/* The last four characters, of which one or two may be padding. Returns the number of bytes, 0 if they are
 * wrong. */
static size_t decode_tail(const char *p, unsigned char *ret)
{
    size_t padding = p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;
    bool bad = false;
    uint32_t v = value(p, &bad) << 18 | value(p + 1, &bad) << 12;

    if (padding < 2)
        v |= value(p + 2, &bad) << 6;
    if (padding < 1)
        v |= value(p + 3, &bad);
    if (bad || (v & ((1u << (8 * padding)) - 1)) != 0)
        return 0;
    for (size_t i = 0; i < 3 - padding; i++)
        ret[i] = (unsigned char)(v >> (16 - 8 * i));
    return 3 - padding;
}

int dmv_base64_decode(const char *text, size_t size, unsigned char *ret, size_t *ret_size)
{
    unsigned char *out = ret;
    bool bad = false;
    size_t n;

    if (size % 4 != 0)
        return DMV_BAD_BASE64;
    *ret_size = 0;
    if (size == 0)
        return 0;
    for (const char *p = text, *tail = text + size - 4; p < tail; p += 4, out += 3) {
        uint32_t v =
            value(p, &bad) << 18 | value(p + 1, &bad) << 12 | value(p + 2, &bad) << 6 | value(p + 3, &bad);

        out[0] = (unsigned char)(v >> 16);
        out[1] = (unsigned char)(v >> 8);
        out[2] = (unsigned char)v;
    }
    n = decode_tail(text + size - 4, out);
    if (bad || n == 0)
        return DMV_BAD_BASE64;
    *ret_size = (size_t)(out - ret) + n;
    return 0;
}

void dmv_base64_encode(const void *data, size_t size, DmvText *t)
{
    const unsigned char *p = data;
    char piece[4096];
    size_t used = 0;

    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);

        piece[used++] = alphabet[v >> 18];
        piece[used++] = alphabet[v >> 12 & 63];
        piece[used++] = n > 1 ? alphabet[v >> 6 & 63] : '=';
        piece[used++] = n > 2 ? alphabet[v & 63] : '=';
        if (used == sizeof(piece)) {
            dmv_text_append_bytes(t, piece, used);
            used = 0;
        }
    }
    dmv_text_append_bytes(t, piece, used);
}
