/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Building JSON objects with one check at the end: after a failed step the builder stays failed, and every
 * value handed to it is still freed.
 */
#ifndef DMV_BASE_JSONBUILD_H
#define DMV_BASE_JSONBUILD_H

#include "base/json.h"

typedef struct DmvJsonBuilder {
    json_object *value; /* an object or an array */
    int error;          /* 0 or -ENOMEM */
} DmvJsonBuilder;

void dmv_jb_object(DmvJsonBuilder *b); /* starts an object; @b is {0} or finished */
void dmv_jb_array(DmvJsonBuilder *b);  /* starts an array */

/* Members of an object. A NULL string is left out; text from outside is made printable. */
void dmv_jb_string(DmvJsonBuilder *b, const char *key, const char *s);
void dmv_jb_int(DmvJsonBuilder *b, const char *key, int64_t v);
void dmv_jb_bool(DmvJsonBuilder *b, const char *key, bool v);
void dmv_jb_strv(DmvJsonBuilder *b, const char *key, char *const *v); /* NULL: an empty array */
void dmv_jb_exact(DmvJsonBuilder *b, const char *key, const char *s); /* bytes as they are; NULL: left out */
void dmv_jb_exact_strv(DmvJsonBuilder *b, const char *key, char *const *v);
void dmv_jb_time(DmvJsonBuilder *b, const char *key, int64_t t); /* left out when not above 0 */
void dmv_jb_hex(DmvJsonBuilder *b, const char *key, uint64_t v, int digits);
/* @value is taken over; NULL counts as lack of memory. */
void dmv_jb_value(DmvJsonBuilder *b, const char *key, json_object *value);

/* Elements of an array. */
void dmv_jb_add(DmvJsonBuilder *b, json_object *value);
void dmv_jb_add_string(DmvJsonBuilder *b, const char *s);

/* The finished value, or NULL for lack of memory. @b is empty then. */
json_object *dmv_jb_end(DmvJsonBuilder *b);

#endif
