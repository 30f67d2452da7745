/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The scanner behind dmv_json_parse(): it judges bytes and builds nothing. Only json.c and json-cut.c include
 * this.
 */
#ifndef DMV_BASE_JSON_SCAN_H
#define DMV_BASE_JSON_SCAN_H

#include "json.h"
#include "text.h"

/* The deepest nesting that any limit can allow: a bit a level in one word. */
#define DMV_JSON_DEPTH_MAX 64

/* What a piece of JSON holds. */
typedef struct DmvJsonTally {
    size_t values; /* of any kind */
    size_t members, nulls;
} DmvJsonTally;

typedef struct DmvJsonScan {
    const DmvJsonLimits *limits;
    const char *p;      /* where the scanner is; where it stopped, after a refusal */
    const char *end;    /* behind the last byte */
    uint64_t in_object; /* a bit a level: 1 in an object, 0 in an array */
    unsigned depth, deepest;
    DmvJsonTally written;
    DmvText rewritten;  /* the value with wide integers made floating point; empty if there were none */
    const char *copied; /* up to where @rewritten holds the input */
    const char *why;    /* the reason of a refusal */
    /* a member of the outermost object that the caller wants as bytes: see json-cut.h */
    const char *cut_name;          /* NULL: none */
    bool cut_here;                 /* the next value is that member's */
    const char *cut_from, *cut_to; /* its bytes; NULL while it was not there */
    DmvJsonTally cut;              /* how much of @written is in it */
} DmvJsonScan;

/**
 * dmv_json_scan() - is this exactly one value, within the limits?
 * @s: @limits, @p and @end are set, all else is zero. Afterwards @written is what is there.
 *
 * Return: 0; DMV_MALFORMED, DMV_TOO_DEEP, DMV_TOO_LARGE (too many values), with @why and @p set; -ENOMEM.
 */
int dmv_json_scan(DmvJsonScan *s);

/* The same for one value that may be followed by something: afterwards @p is behind it. */
int dmv_json_scan_value(DmvJsonScan *s);

/* What is in @all and not in @part. */
DmvJsonTally dmv_json_tally_without(DmvJsonTally all, DmvJsonTally part);

/**
 * dmv_json_build() - json-c over bytes that the scanner has passed
 * @t: a tokener for at least the nesting of these bytes
 * @data: the bytes of one value
 * @size: how many
 * @written: what the scanner has counted in them
 * @ret: the tree, owned by the caller
 * @ret_why: the reason of a refusal
 *
 * Return: 0; DMV_MALFORMED (a member twice in one object, a number beyond floating point); -ENOMEM.
 */
int dmv_json_build(json_tokener *t, const char *data, size_t size, const DmvJsonTally *written,
                   json_object **ret, const char **ret_why);

/* json-c clears room for every level that a tokener may see, which is what a short message would wait for.
 * Return: a strict tokener for values nested up to @depth, or NULL for lack of memory. */
json_tokener *dmv_json_tokener_new(unsigned depth);
static inline void dmv_cleanup_tokener(json_tokener **t)
{
    if (*t)
        json_tokener_free(*t);
}

/* The length of the valid UTF-8 sequence at @p (RFC 3629: no overlong form, no surrogate, at most U+10FFFF),
 * or 0. */
size_t dmv_utf8_length(const unsigned char *p, const unsigned char *end);

static inline void dmv_json_scan_deinit(DmvJsonScan *s)
{
    dmv_text_deinit(&s->rewritten);
}

#endif
