/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects read by a table and written member by member.
 *
 * A reader that asks json-c itself gets 0, "" or a conversion where a member is missing or of another type.
 * Here the type is compared first, and a member that nobody asked for is an error, so that a misspelt name
 * never passes.
 */
#include "json.h"

#include <errno.h>
#include <string.h>

#include "text.h"

static const struct {
    json_type type;
    const char *name;
} types[] = {
    [DMV_JSON_STRING] = {json_type_string, "a string"},
    [DMV_JSON_STRDUP] = {json_type_string, "a string"},
    [DMV_JSON_INT] = {json_type_int, "an integer"},
    [DMV_JSON_BOOL] = {json_type_boolean, "a boolean"},
    [DMV_JSON_OBJECT] = {json_type_object, "an object"},
    [DMV_JSON_ARRAY] = {json_type_array, "an array"},
    [DMV_JSON_STRV] = {json_type_array, "an array of strings"},
    [DMV_JSON_ANY] = {json_type_null, "anything"},
};

static int complain(DmvError *reterr, const char *where, const char *member, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, "cannot read JSON", NULL, "%s: \"%s\" %s",
                         where ? where : "the object", member, why);
}

static bool is_empty(json_object *v)
{
    if (json_object_is_type(v, json_type_string))
        return json_object_get_string_len(v) == 0;
    return json_object_is_type(v, json_type_array) && json_object_array_length(v) == 0;
}

/* Return: 0, DMV_MALFORMED if an element is not a string, -ENOMEM. */
static int read_strv(json_object *array, char ***ret)
{
    size_t n = json_object_array_length(array);
    DMV_CLEANUP_STRV char **v = calloc(n + 1, sizeof(*v));

    if (!v)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        json_object *item = json_object_array_get_idx(array, i);

        if (!json_object_is_type(item, json_type_string))
            return DMV_MALFORMED;
        v[i] = strdup(json_object_get_string(item));
        if (!v[i])
            return -ENOMEM;
    }
    dmv_strv_free(*ret);
    *ret = DMV_TAKE_PTR(v);
    return 0;
}

static int store(const DmvJsonField *f, json_object *v)
{
    switch (f->type) {
    case DMV_JSON_STRING:
        *(const char **)f->ret = json_object_get_string(v);
        return 0;
    case DMV_JSON_STRDUP:
        return dmv_set_string(f->ret, json_object_get_string(v));
    case DMV_JSON_INT:
        *(int64_t *)f->ret = json_object_get_int64(v);
        return 0;
    case DMV_JSON_BOOL:
        *(bool *)f->ret = json_object_get_boolean(v);
        return 0;
    case DMV_JSON_OBJECT:
    case DMV_JSON_ARRAY:
    case DMV_JSON_ANY:
        *(json_object **)f->ret = v;
        return 0;
    case DMV_JSON_STRV:
        return read_strv(v, f->ret);
    }
    return -EINVAL;
}

static int read_member(const DmvJsonField *f, json_object *v, const char *where, DmvError *reterr)
{
    int r;

    if (!v)
        return f->flags & DMV_JSON_REQUIRED ? complain(reterr, where, f->name, "is missing") : 0;
    if (f->type != DMV_JSON_ANY && !json_object_is_type(v, types[f->type].type)) {
        char why[64];

        (void)snprintf(why, sizeof(why), "is not %s", types[f->type].name);
        return complain(reterr, where, f->name, why);
    }
    if ((f->flags & DMV_JSON_NON_EMPTY) && is_empty(v))
        return complain(reterr, where, f->name, "is empty");
    r = store(f, v);
    if (r == DMV_MALFORMED)
        return complain(reterr, where, f->name, "is not an array of strings");
    if (r < 0)
        return dmv_error_set(reterr, r, "cannot read JSON", NULL, "out of memory");
    return 0;
}

static int complain_unknown(json_object *o, const char *where, const DmvJsonField *fields, size_t n_fields,
                            DmvError *reterr)
{
    json_object_object_foreach (o, key, value) {
        bool known = false;

        (void)value;
        for (size_t i = 0; i < n_fields && !known; i++)
            known = strcmp(fields[i].name, key) == 0;
        if (!known)
            return complain(reterr, where, key, "is not known here");
    }
    return 0;
}

int dmv_json_read(json_object *o, const char *where, const DmvJsonField *fields, size_t n_fields,
                  bool allow_unknown, DmvError *reterr)
{
    int present = 0;

    if (!json_object_is_type(o, json_type_object))
        return dmv_error_set(reterr, DMV_MALFORMED, "cannot read JSON", NULL, "%s is not an object",
                             where ? where : "the value");
    for (size_t i = 0; i < n_fields; i++) {
        json_object *v = NULL;
        int r;

        if (json_object_object_get_ex(o, fields[i].name, &v))
            present++;
        r = read_member(&fields[i], v, where, reterr);
        if (r != 0)
            return r;
    }
    if (!allow_unknown && present != json_object_object_length(o))
        return complain_unknown(o, where, fields, n_fields, reterr);
    return 0;
}

int dmv_json_add(json_object *o, const char *key, json_object *value)
{
    if (o && value && json_object_object_add(o, key, value) == 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

int dmv_json_add_string(json_object *o, const char *key, const char *s)
{
    return s ? dmv_json_add(o, key, json_object_new_string(s)) : 0;
}

int dmv_json_add_int(json_object *o, const char *key, int64_t v)
{
    return dmv_json_add(o, key, json_object_new_int64(v));
}

int dmv_json_add_bool(json_object *o, const char *key, bool v)
{
    return dmv_json_add(o, key, json_object_new_boolean(v));
}

int dmv_json_add_strv(json_object *o, const char *key, char *const *v)
{
    DMV_CLEANUP_JSON json_object *array = json_object_new_array();

    if (!array)
        return -ENOMEM;
    for (size_t i = 0; v && v[i]; i++) {
        json_object *s = json_object_new_string(v[i]);

        if (!s || json_object_array_add(array, s) != 0) {
            json_object_put(s);
            return -ENOMEM;
        }
    }
    return dmv_json_add(o, key, DMV_TAKE_PTR(array));
}
