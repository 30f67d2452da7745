/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The scanner behind dmv_json_parse(): it judges bytes and builds nothing. Only json.c includes this.
 */
#ifndef DMV_BASE_JSON_SCAN_H
#define DMV_BASE_JSON_SCAN_H

#include "json.h"
#include "text.h"

/* The deepest nesting that any limit can allow: a bit a level in one word. */
#define DMV_JSON_DEPTH_MAX 64

typedef struct DmvJsonScan {
    const DmvJsonLimits *limits;
    const char *p;      /* where the scanner is; where it stopped, after a refusal */
    const char *end;    /* behind the last byte */
    uint64_t in_object; /* a bit a level: 1 in an object, 0 in an array */
    unsigned depth;
    size_t nodes, members;
    DmvText rewritten;  /* the value with wide integers made floating point; empty if there were none */
    const char *copied; /* up to where @rewritten holds the input */
    const char *why;    /* the reason of a refusal */
} DmvJsonScan;

/**
 * dmv_json_scan() - is this exactly one value, within the limits?
 * @s: @limits, @p and @end are set, all else is zero. Afterwards @members is the number of members written.
 *
 * Return: 0; DMV_MALFORMED, DMV_TOO_DEEP, DMV_TOO_LARGE (too many values), with @why and @p set; -ENOMEM.
 */
int dmv_json_scan(DmvJsonScan *s);

/* The length of the valid UTF-8 sequence at @p (RFC 3629: no overlong form, no surrogate, at most U+10FFFF),
 * or 0. */
size_t dmv_utf8_length(const unsigned char *p, const unsigned char *end);

static inline void dmv_json_scan_deinit(DmvJsonScan *s)
{
    dmv_text_deinit(&s->rewritten);
}

#endif
