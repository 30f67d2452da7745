/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strict JSON: one gate for catalogs, state files and the wire.
 *
 * json-c's strict mode still takes duplicate members (the last wins), single quotes, NaN, raw control
 * characters, \u0000, lone surrogates and overlong UTF-8, and it clamps integers. So a scanner judges the
 * bytes first (RFC 8259, UTF-8, limits), and only then json-c builds the tree.
 */
#ifndef DMV_BASE_JSON_H
#define DMV_BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "dmv/outcome.h"

typedef struct DmvJsonLimits {
    size_t size;         /* bytes */
    unsigned depth;      /* nesting of arrays and objects, at most 64 */
    size_t nodes;        /* values of any kind */
    bool plain_integers; /* numbers only as integers 0 ... 10^15-1: for what is signed or stored */
    bool wide_integers;  /* integers beyond int64 become floating point instead of a refusal: for the wire,
                          * where  they spoil one parameter and not the connection */
} DmvJsonLimits;

/**
 * dmv_json_parse() - bytes to a tree
 * @data: the bytes, need not end in a NUL
 * @size: how many
 * @limits: what is allowed
 * @ret: the tree, owned by the caller (json_object_put())
 * @reterr: filled on a refusal, may be NULL
 *
 * Accepts exactly one RFC 8259 value surrounded by white space. Refuses duplicate members (compared after
 * unescaping), invalid or overlong UTF-8, \u0000, lone surrogates, raw control characters, trailing bytes,
 * integers beyond int64 (see @limits->wide_integers), numbers that overflow floating point. The value `null`
 * gives NULL.
 *
 * Return: 0; DMV_EMPTY for no bytes at all; DMV_TOO_LARGE above @limits->size or ->nodes; DMV_TOO_DEEP;
 * DMV_MALFORMED; -ENOMEM.
 */
int dmv_json_parse(const char *data, size_t size, const DmvJsonLimits *limits, json_object **ret,
                   DmvError *reterr);

/**
 * dmv_json_format() - a tree to compact bytes that any strict reader takes
 * @o: the tree, NULL for null
 * @ret: the text, owned by the caller, NUL-terminated
 * @ret_size: its length without the NUL, may be NULL
 *
 * Escapes DEL and does not escape '/'.
 *
 * Return: 0; -EINVAL for NaN, Inf, an integer beyond int64, a string that holds U+0000 or invalid UTF-8;
 * -ENOMEM.
 */
int dmv_json_format(json_object *o, char **ret, size_t *ret_size);

typedef enum DmvJsonType {
    DMV_JSON_STRING, /* const char **, borrowed from the tree */
    DMV_JSON_STRDUP, /* char **, owned; what it held is freed */
    DMV_JSON_INT,    /* int64_t * */
    DMV_JSON_BOOL,   /* bool * */
    DMV_JSON_OBJECT, /* json_object **, borrowed */
    DMV_JSON_ARRAY,  /* json_object **, borrowed */
    DMV_JSON_STRV,   /* char ***, owned copy of an array of strings; what it held is freed */
    DMV_JSON_ANY,    /* json_object **, borrowed */
} DmvJsonType;

enum {
    DMV_JSON_REQUIRED = 1 << 0, /* refused when absent or null */
    DMV_JSON_NON_EMPTY = 1 << 1 /* refused when an empty string or array */
};

typedef struct DmvJsonField {
    const char *name;
    DmvJsonType type;
    unsigned flags;
    void *ret; /* untouched when the member is absent or null */
} DmvJsonField;

/**
 * dmv_json_read() - read the members of an object by a table
 * @o: the object; anything else is refused
 * @where: how to call the object in an error, such as "releases[3]"
 * @fields: the table
 * @n_fields: its length
 * @allow_unknown: go on over members that are not in the table
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0, DMV_MALFORMED (missing, mistyped, empty or unknown member, named in @reterr), -ENOMEM.
 */
int dmv_json_read(json_object *o, const char *where, const DmvJsonField *fields, size_t n_fields,
                  bool allow_unknown, DmvError *reterr);

/* Adds @value (taken over, even on failure) as member @key of @o. Return: 0, or -ENOMEM (also if @value is
 * NULL). */
int dmv_json_add(json_object *o, const char *key, json_object *value);
/* Adds a string member unless @s is NULL. Return: 0, or -ENOMEM. */
int dmv_json_add_string(json_object *o, const char *key, const char *s);
int dmv_json_add_int(json_object *o, const char *key, int64_t v);
int dmv_json_add_bool(json_object *o, const char *key, bool v);
/* Adds an array of strings; NULL adds an empty array. Return: 0, or -ENOMEM. */
int dmv_json_add_strv(json_object *o, const char *key, char *const *v);

static inline void dmv_cleanup_json(json_object **o)
{
    if (*o)
        json_object_put(*o);
}
#define DMV_CLEANUP_JSON DMV_CLEANUP(dmv_cleanup_json)

#endif
