/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strict JSON: the scanner judges the bytes, then json-c builds the tree; and back.
 *
 * Duplicate members need no table of their own: json-c keeps one member a name, so the number of members that
 * were written differs from the number in the tree exactly when a name came twice.
 */
#include "json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "json-scan.h"
#include "text.h"

/* json-c counts bytes in an int; wide integers may grow the text. */
#define SIZE_LIMIT ((size_t)INT_MAX / 2)

/* Adds up what is in @o. Returns false for a number that became infinite. */
static bool count(json_object *o, DmvJsonTally *n)
{
    n->values++;
    switch (json_object_get_type(o)) {
    case json_type_object: {
        json_object_object_foreach (o, key, value) {
            (void)key;
            if (!count(value, n))
                return false;
        }
        n->members += (size_t)json_object_object_length(o);
        return true;
    }
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(o); i++)
            if (!count(json_object_array_get_idx(o, i), n))
                return false;
        return true;
    case json_type_double:
        return isfinite(json_object_get_double(o));
    case json_type_null:
        n->nulls++;
        return true;
    case json_type_boolean:
    case json_type_int:
    case json_type_string:
        return true;
    }
    return true;
}

json_tokener *dmv_json_tokener_new(unsigned depth)
{
    /* one level for a value in the innermost, and one that json-c never uses */
    json_tokener *t = json_tokener_new_ex((int)depth + 2);

    if (t)
        json_tokener_set_flags(t, JSON_TOKENER_STRICT);
    return t;
}

/* json-c has no word for a lack of memory: it gives up, leaves a member out, or puts null in the place of a
 * value, and goes on. A number that is read afterwards takes the errno of it away. */
static int judge(json_tokener *t, json_object *o, const DmvJsonTally *written, const char **ret_why)
{
    DmvJsonTally built = {0};
    bool finite;

    if (errno == ENOMEM)
        return -ENOMEM;
    finite = count(o, &built);
    if (json_tokener_get_error(t) != json_tokener_success)
        *ret_why = "json-c does not take it";
    else if (!finite)
        *ret_why = "a number beyond what floating point holds";
    else if (built.members != written->members)
        *ret_why = "a member comes twice in one object";
    else if (built.values != written->values || built.nulls != written->nulls)
        return -ENOMEM;
    return *ret_why ? DMV_MALFORMED : 0;
}

int dmv_json_build(json_tokener *t, const char *data, size_t size, const DmvJsonTally *written,
                   json_object **ret, const char **ret_why)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    int r;

    json_tokener_reset(t);
    errno = 0;
    o = json_tokener_parse_ex(t, data, (int)size);
    /* a number on its own ends only with what follows it */
    if (json_tokener_get_error(t) == json_tokener_continue)
        o = json_tokener_parse_ex(t, "", 1);
    r = judge(t, o, written, ret_why);
    if (r == 0)
        *ret = DMV_TAKE_PTR(o);
    return r;
}

static int scan_and_build(DmvJsonScan *s, json_object **ret)
{
    DMV_CLEANUP(dmv_cleanup_tokener) json_tokener *t = NULL;
    const char *from = s->p;
    int r;

    r = dmv_json_scan(s);
    if (r != 0)
        return r;
    t = dmv_json_tokener_new(s->deepest);
    if (!t)
        return -ENOMEM;
    if (s->rewritten.size > 0)
        return dmv_json_build(t, s->rewritten.data, s->rewritten.size, &s->written, ret, &s->why);
    return dmv_json_build(t, from, (size_t)(s->end - from), &s->written, ret, &s->why);
}

int dmv_json_parse(const char *data, size_t size, const DmvJsonLimits *limits, json_object **ret,
                   DmvError *reterr)
{
    DMV_CLEANUP(dmv_json_scan_deinit) DmvJsonScan s = {.limits = limits};
    int r;

    if (size == 0)
        return dmv_error_set(reterr, DMV_EMPTY, "cannot read JSON", NULL, "there are no bytes");
    if (size > limits->size || size > SIZE_LIMIT)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "cannot read JSON", NULL,
                             "%zu bytes, but at most %zu are taken", size, limits->size);
    s.p = data;
    s.end = data + size;
    r = scan_and_build(&s, ret);
    if (r < 0)
        return dmv_error_set(reterr, r, "cannot read JSON", NULL, "out of memory");
    if (r > 0)
        return dmv_error_set(reterr, r, "cannot read JSON", NULL, "byte %zu: %s", (size_t)(s.p - data),
                             s.why);
    return 0;
}

/* May every value below @o be written? */
static bool is_writable(json_object *o)
{
    switch (json_object_get_type(o)) {
    case json_type_object: {
        json_object_object_foreach (o, key, value) {
            (void)key;
            if (!is_writable(value))
                return false;
        }
        return true;
    }
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(o); i++)
            if (!is_writable(json_object_array_get_idx(o, i)))
                return false;
        return true;
    case json_type_double:
        return isfinite(json_object_get_double(o));
    case json_type_int:
        return json_object_get_int64(o) < 0 || json_object_get_uint64(o) <= INT64_MAX;
    case json_type_string:
        return strlen(json_object_get_string(o)) == (size_t)json_object_get_string_len(o);
    case json_type_null:
    case json_type_boolean:
        return true;
    }
    return true;
}

int dmv_json_format(json_object *o, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    const unsigned char *p, *end, *copied;
    const char *s;
    size_t size = 0, n;

    if (!is_writable(o))
        return -EINVAL;
    errno = 0;
    s = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    if (!s || errno == ENOMEM) /* json-c leaves out what it has no memory for, and goes on */
        return -ENOMEM;
    copied = p = (const unsigned char *)s;
    end = p + size;
    while (p < end) {
        if (*p < 0x7f) {
            p++;
            continue;
        }
        n = dmv_utf8_length(p, end);
        if (n == 0)
            return -EINVAL;
        if (*p == 0x7f) {
            dmv_text_append_bytes(&t, copied, (size_t)(p - copied));
            dmv_text_append(&t, "\\u007f");
            copied = p + 1;
        }
        p += n;
    }
    dmv_text_append_bytes(&t, copied, (size_t)(end - copied));
    return dmv_text_take(&t, ret, ret_size);
}
