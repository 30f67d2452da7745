/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The grammar of RFC 8259 and the limits, as one loop over the bytes.
 *
 * It exists because json-c takes much that is not JSON (see json.h). It knows the nesting as bits of one
 * word, keeps nothing else, and so costs a small share of what building the tree costs.
 */
#include "json-scan.h"

#include <errno.h>
#include <string.h>

/* Bytes that a string may hold as they are: no control character, quote, backslash or part of a longer
 * sequence. */
static const bool is_plain[256] = {
    [0x20] = true,
    [0x21] = true,
    [0x23 ... 0x5b] = true,
    [0x5d ... 0x7f] = true,
};

static int refuse(DmvJsonScan *s, int code, const char *why)
{
    s->why = why;
    return code;
}

static void skip_space(DmvJsonScan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

size_t dmv_utf8_length(const unsigned char *p, const unsigned char *end)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        n = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        n = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if ((size_t)(end - p) < n)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* Four hex digits at @p, or -1. */
static int hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit;

        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* At the character behind a backslash. */
static int scan_escape(DmvJsonScan *s)
{
    int unit, low;

    if (s->p == s->end)
        return refuse(s, DMV_MALFORMED, "ends inside a string");
    if (*s->p != 'u') {
        if (*s->p == '\0' || !strchr("\"\\/bfnrt", *s->p))
            return refuse(s, DMV_MALFORMED, "unknown escape sequence");
        s->p++;
        return 0;
    }
    unit = hex4(s->p + 1, s->end);
    if (unit < 0)
        return refuse(s, DMV_MALFORMED, "\\u needs four hex digits");
    if (unit == 0)
        return refuse(s, DMV_MALFORMED, "\\u0000 is not taken");
    s->p += 5;
    if (unit < 0xd800 || unit > 0xdfff)
        return 0;
    low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2, s->end) : -1;
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return refuse(s, DMV_MALFORMED, "half of a surrogate pair");
    s->p += 6;
    return 0;
}

/* At the opening quote. */
static int scan_string(DmvJsonScan *s)
{
    int r;

    s->p++;
    for (;;) {
        while (s->p < s->end && is_plain[(unsigned char)*s->p])
            s->p++;
        if (s->p == s->end)
            return refuse(s, DMV_MALFORMED, "ends inside a string");
        if (*s->p == '"') {
            s->p++;
            return 0;
        }
        if (*s->p == '\\') {
            s->p++;
            r = scan_escape(s);
            if (r != 0)
                return r;
        } else if ((unsigned char)*s->p < 0x20) {
            return refuse(s, DMV_MALFORMED, "control character inside a string");
        } else {
            size_t n = dmv_utf8_length((const unsigned char *)s->p, (const unsigned char *)s->end);

            if (n == 0)
                return refuse(s, DMV_MALFORMED, "invalid UTF-8");
            s->p += n;
        }
    }
}

static size_t skip_digits(DmvJsonScan *s)
{
    const char *from = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return (size_t)(s->p - from);
}

/* Is the integer with these digits outside of int64? */
static bool is_wide(const char *digits, size_t n, bool negative)
{
    if (n != 19)
        return n > 19;
    return memcmp(digits, negative ? "9223372036854775808" : "9223372036854775807", 19) > 0;
}

/* Whatever of a number follows its integer part; @ret_float says whether there was something. */
static int scan_fraction(DmvJsonScan *s, bool *ret_float)
{
    *ret_float = false;
    if (s->p < s->end && *s->p == '.') {
        *ret_float = true;
        s->p++;
        if (skip_digits(s) == 0)
            return refuse(s, DMV_MALFORMED, "a fraction without digits");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        *ret_float = true;
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (skip_digits(s) == 0)
            return refuse(s, DMV_MALFORMED, "an exponent without digits");
    }
    return 0;
}

static int scan_number(DmvJsonScan *s)
{
    bool negative = *s->p == '-', is_float;
    const char *digits;
    size_t n;
    int r;

    if (negative)
        s->p++;
    digits = s->p;
    n = skip_digits(s);
    if (n == 0)
        return refuse(s, DMV_MALFORMED, "not a value");
    if (n > 1 && *digits == '0')
        return refuse(s, DMV_MALFORMED, "a number with a leading zero");
    r = scan_fraction(s, &is_float);
    if (r != 0)
        return r;
    if (s->limits->plain_integers && (negative || is_float || n > 15))
        return refuse(s, DMV_MALFORMED, "a number that is not an integer of 0 to 10^15-1");
    if (is_float || !is_wide(digits, n, negative))
        return 0;
    if (!s->limits->wide_integers)
        return refuse(s, DMV_MALFORMED, "an integer beyond 64 bits");
    dmv_text_append_bytes(&s->rewritten, s->copied, (size_t)(s->p - s->copied));
    dmv_text_append(&s->rewritten, ".0");
    s->copied = s->p;
    return 0;
}

static int scan_literal(DmvJsonScan *s, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return refuse(s, DMV_MALFORMED, "not a value");
    s->p += n;
    return 0;
}

static int scan_scalar(DmvJsonScan *s)
{
    switch (*s->p) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_literal(s, "true");
    case 'f':
        return scan_literal(s, "false");
    case 'n':
        s->written.nulls++;
        return scan_literal(s, "null");
    default:
        return scan_number(s);
    }
}

/* Is the member with this name, as it is written, the one to cut out? An escape could hide that it is. */
static int note_cut(DmvJsonScan *s, const char *name, size_t size)
{
    if (memchr(name, '\\', size))
        return refuse(s, DMV_MALFORMED, "an escape in the name of a member, here");
    if (strlen(s->cut_name) != size || memcmp(s->cut_name, name, size) != 0)
        return 0;
    if (s->cut_from)
        return refuse(s, DMV_MALFORMED, "a member comes twice in one object");
    s->cut_here = true;
    return 0;
}

/* At the name of a member; moves behind its colon. */
static int scan_name(DmvJsonScan *s)
{
    const char *name;
    int r;

    skip_space(s);
    if (s->p == s->end || *s->p != '"')
        return refuse(s, DMV_MALFORMED, "a member without a name in double quotes");
    name = s->p + 1;
    r = scan_string(s);
    if (r != 0)
        return r;
    if (s->depth == 1 && s->cut_name) {
        r = note_cut(s, name, (size_t)(s->p - 1 - name));
        if (r != 0)
            return r;
    }
    skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return refuse(s, DMV_MALFORMED, "a member without a colon");
    s->p++;
    s->written.members++;
    return 0;
}

/* At an opening bracket. @ret_open is false if it is closed again at once. */
static int scan_open(DmvJsonScan *s, bool *ret_open)
{
    bool object = *s->p == '{';

    if (s->depth >= s->limits->depth || s->depth >= DMV_JSON_DEPTH_MAX)
        return refuse(s, DMV_TOO_DEEP, "nested too deeply");
    s->p++;
    skip_space(s);
    *ret_open = s->p == s->end || *s->p != (object ? '}' : ']');
    if (!*ret_open) {
        s->p++;
        return 0;
    }
    s->in_object = s->in_object << 1 | (object ? 1 : 0);
    if (++s->depth > s->deepest)
        s->deepest = s->depth;
    return object ? scan_name(s) : 0;
}

/* Behind a value: closes what ends here and moves to where the next value is, if there is one. */
static int scan_next(DmvJsonScan *s)
{
    while (s->depth > 0) {
        bool object = s->in_object & 1;

        if (s->depth == 1 && s->cut_from && !s->cut_to) {
            s->cut_to = s->p;
            s->cut = dmv_json_tally_without(s->written, s->cut);
        }
        skip_space(s);
        if (s->p == s->end)
            return refuse(s, DMV_MALFORMED, "ends inside an object or array");
        if (*s->p == ',') {
            s->p++;
            return object ? scan_name(s) : 0;
        }
        if (*s->p != (object ? '}' : ']'))
            return refuse(s, DMV_MALFORMED, "neither a comma nor the end of the object or array");
        s->p++;
        s->in_object >>= 1;
        s->depth--;
    }
    return 0;
}

DmvJsonTally dmv_json_tally_without(DmvJsonTally all, DmvJsonTally part)
{
    return (DmvJsonTally){all.values - part.values, all.members - part.members, all.nulls - part.nulls};
}

int dmv_json_scan_value(DmvJsonScan *s)
{
    int r;

    do {
        bool open = false;

        skip_space(s);
        if (s->p == s->end)
            return refuse(s, DMV_MALFORMED, "ends where a value is needed");
        if (s->cut_here) {
            s->cut_here = false;
            s->cut_from = s->p;
            s->cut = s->written;
        }
        if (++s->written.values > s->limits->nodes)
            return refuse(s, DMV_TOO_LARGE, "holds too many values");
        r = *s->p == '{' || *s->p == '[' ? scan_open(s, &open) : scan_scalar(s);
        if (r == 0 && !open)
            r = scan_next(s);
        if (r != 0)
            return r;
    } while (s->depth > 0);
    return 0;
}

int dmv_json_scan(DmvJsonScan *s)
{
    int r;

    skip_space(s);
    s->copied = s->p;
    r = dmv_json_scan_value(s);
    if (r != 0)
        return r;
    if (s->rewritten.size > 0)
        dmv_text_append_bytes(&s->rewritten, s->copied, (size_t)(s->p - s->copied));
    skip_space(s);
    if (s->p != s->end)
        return refuse(s, DMV_MALFORMED, "something follows the value");
    return s->rewritten.error;
}
