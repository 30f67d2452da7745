/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Building JSON with a sticky error. See jsonbuild.h. */
#include "base/jsonbuild.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"

void dmv_jb_object(DmvJsonBuilder *b)
{
    b->value = json_object_new_object();
    b->error = b->value ? 0 : -ENOMEM;
}

void dmv_jb_array(DmvJsonBuilder *b)
{
    b->value = json_object_new_array();
    b->error = b->value ? 0 : -ENOMEM;
}

void dmv_jb_value(DmvJsonBuilder *b, const char *key, json_object *value)
{
    if (!value)
        b->error = -ENOMEM;
    else if (b->error < 0)
        json_object_put(value);
    else if (dmv_json_add(b->value, key, value) < 0)
        b->error = -ENOMEM;
}

static json_object *text_value(const char *s)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(s);

    return clean ? json_object_new_string(clean) : NULL;
}

void dmv_jb_string(DmvJsonBuilder *b, const char *key, const char *s)
{
    if (s)
        dmv_jb_value(b, key, text_value(s));
}

void dmv_jb_int(DmvJsonBuilder *b, const char *key, int64_t v)
{
    dmv_jb_value(b, key, json_object_new_int64(v));
}

void dmv_jb_bool(DmvJsonBuilder *b, const char *key, bool v)
{
    dmv_jb_value(b, key, json_object_new_boolean(v));
}

void dmv_jb_strv(DmvJsonBuilder *b, const char *key, char *const *v)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (; v && *v; v++)
        dmv_jb_add_string(&list, *v);
    dmv_jb_value(b, key, dmv_jb_end(&list));
}

void dmv_jb_exact(DmvJsonBuilder *b, const char *key, const char *s)
{
    if (s)
        dmv_jb_value(b, key, json_object_new_string(s));
}

void dmv_jb_exact_strv(DmvJsonBuilder *b, const char *key, char *const *v)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (; v && *v; v++)
        dmv_jb_add(&list, json_object_new_string(*v));
    dmv_jb_value(b, key, dmv_jb_end(&list));
}

void dmv_jb_time(DmvJsonBuilder *b, const char *key, int64_t t)
{
    char text[21];

    if (t <= 0)
        return;
    dmv_format_time(t, text);
    dmv_jb_string(b, key, text);
}

void dmv_jb_hex(DmvJsonBuilder *b, const char *key, uint64_t v, int digits)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%0*llx", digits, (unsigned long long)v);
    dmv_jb_string(b, key, text);
}

void dmv_jb_add(DmvJsonBuilder *b, json_object *value)
{
    if (!value) {
        b->error = -ENOMEM;
    } else if (b->error < 0 || json_object_array_add(b->value, value) < 0) {
        json_object_put(value);
        b->error = -ENOMEM;
    }
}

void dmv_jb_add_string(DmvJsonBuilder *b, const char *s)
{
    dmv_jb_add(b, text_value(s));
}

json_object *dmv_jb_end(DmvJsonBuilder *b)
{
    json_object *value = b->value;

    if (b->error < 0 && value) {
        json_object_put(value);
        value = NULL;
    }
    *b = (DmvJsonBuilder){0};
    return value;
}
