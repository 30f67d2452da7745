/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading replies of the daemon: every access checks the type, so that a reply of any shape is safe to
 * render.
 */
#include "reply.h"

#include <errno.h>
#include <string.h>

static json_object *member(json_object *o, const char *key, json_type type)
{
    json_object *v = NULL;

    if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v))
        return NULL;
    return v && json_object_is_type(v, type) ? v : NULL;
}

const char *dmv_reply_string(json_object *o, const char *key)
{
    json_object *v = member(o, key, json_type_string);

    return v ? json_object_get_string(v) : NULL;
}

const char *dmv_reply_string_or(json_object *o, const char *key, const char *fallback)
{
    const char *s = dmv_reply_string(o, key);

    return s && *s ? s : fallback;
}

bool dmv_reply_bool(json_object *o, const char *key)
{
    json_object *v = member(o, key, json_type_boolean);

    return v && json_object_get_boolean(v);
}

int64_t dmv_reply_int(json_object *o, const char *key, int64_t fallback)
{
    json_object *v = member(o, key, json_type_int);

    return v ? json_object_get_int64(v) : fallback;
}

bool dmv_reply_has(json_object *o, const char *key)
{
    json_object *v = NULL;

    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) && v;
}

json_object *dmv_reply_object(json_object *o, const char *key)
{
    return member(o, key, json_type_object);
}

json_object *dmv_reply_array(json_object *o, const char *key)
{
    return member(o, key, json_type_array);
}

size_t dmv_reply_count(json_object *o, const char *key)
{
    json_object *array = dmv_reply_array(o, key);

    return array ? json_object_array_length(array) : 0;
}

json_object *dmv_reply_at(json_object *o, const char *key, size_t i)
{
    json_object *array = dmv_reply_array(o, key);

    return array && i < json_object_array_length(array) ? json_object_array_get_idx(array, i) : NULL;
}

const char *dmv_reply_string_at(json_object *o, const char *key, size_t i)
{
    json_object *v = dmv_reply_at(o, key, i);

    return v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

size_t dmv_reply_join(DmvText *t, json_object *o, const char *key, const char *separator)
{
    size_t n = dmv_reply_count(o, key);

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            dmv_text_append(t, separator);
        dmv_text_append(t, dmv_reply_string_at(o, key, i));
    }
    return n;
}

static int sanitize_string(json_object *o)
{
    DMV_CLEANUP_FREE char *safe = dmv_sanitize(json_object_get_string(o));

    if (!safe)
        return -ENOMEM;
    return json_object_set_string(o, safe) ? 0 : -ENOMEM;
}

static int sanitize_array(json_object *o)
{
    int r = 0;

    for (size_t i = 0; i < json_object_array_length(o) && r == 0; i++)
        r = dmv_reply_sanitize(json_object_array_get_idx(o, i));
    return r;
}

int dmv_reply_sanitize(json_object *o)
{
    int r = 0;

    if (json_object_is_type(o, json_type_string))
        return sanitize_string(o);
    if (json_object_is_type(o, json_type_array))
        return sanitize_array(o);
    if (!json_object_is_type(o, json_type_object))
        return 0;
    json_object_object_foreach (o, key, value) {
        (void)key;
        if (r == 0)
            r = dmv_reply_sanitize(value);
    }
    return r;
}
