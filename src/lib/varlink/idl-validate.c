/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values against types. What a handler sees has passed here, so handlers do not check types again.
 *
 * Where something is wrong, the path to it is put together on the way: a chain on the stack that costs
 * nothing as long as everything is right.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "idl.h"

typedef struct Path {
    const struct Path *parent;
    const char *name; /* NULL: @index counts */
    size_t index;
} Path;

static void render_path(const Path *path, DmvText *t)
{
    if (!path)
        return;
    render_path(path->parent, t);
    if (!path->name)
        dmv_text_appendf(t, "[%zu]", path->index);
    else
        dmv_text_appendf(t, "%s%s", t->size > 0 ? "." : "", path->name);
}

static int wrong(const Path *path, char **ret_where)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    int r;

    dmv_text_append(&t, "");
    render_path(path, &t);
    r = dmv_text_take(&t, ret_where, NULL);
    return r < 0 ? r : 1;
}

static int validate(const VlType *type, json_object *v, const Path *path, char **ret_where);

static int validate_struct(const VlType *type, json_object *v, const Path *path, char **ret_where)
{
    int present = 0;

    if (!json_object_is_type(v, json_type_object))
        return wrong(path, ret_where);
    for (size_t i = 0; i < type->n_fields; i++) {
        const Path here = {.parent = path, .name = type->fields[i].name};
        json_object *field = NULL;
        int r;

        if (json_object_object_get_ex(v, here.name, &field))
            present++;
        r = validate(type->fields[i].type, field, &here, ret_where);
        if (r != 0)
            return r;
    }
    if (present == json_object_object_length(v))
        return 0;
    json_object_object_foreach (v, key, value) {
        const Path here = {.parent = path, .name = key};
        bool known = false;

        (void)value;
        for (size_t i = 0; i < type->n_fields && !known; i++)
            known = strcmp(type->fields[i].name, key) == 0;
        if (!known)
            return wrong(&here, ret_where);
    }
    return 0;
}

static int validate_enum(const VlType *type, json_object *v, const Path *path, char **ret_where)
{
    if (json_object_is_type(v, json_type_string))
        for (size_t i = 0; i < type->n_fields; i++)
            if (strcmp(type->fields[i].name, json_object_get_string(v)) == 0)
                return 0;
    return wrong(path, ret_where);
}

static int validate_array(const VlType *type, json_object *v, const Path *path, char **ret_where)
{
    Path here = {.parent = path};

    if (!json_object_is_type(v, json_type_array))
        return wrong(path, ret_where);
    for (; here.index < json_object_array_length(v); here.index++) {
        int r = validate(type->element, json_object_array_get_idx(v, here.index), &here, ret_where);

        if (r != 0)
            return r;
    }
    return 0;
}

static int validate_map(const VlType *type, json_object *v, const Path *path, char **ret_where)
{
    if (!json_object_is_type(v, json_type_object))
        return wrong(path, ret_where);
    json_object_object_foreach (v, key, value) {
        const Path here = {.parent = path, .name = key};
        int r = validate(type->element, value, &here, ret_where);

        if (r != 0)
            return r;
    }
    return 0;
}

static bool is_plain(VlKind kind, json_object *v)
{
    static const json_type types[] = {
        [VL_KIND_BOOL] = json_type_boolean,
        [VL_KIND_INT] = json_type_int,
        [VL_KIND_STRING] = json_type_string,
        [VL_KIND_OBJECT] = json_type_object,
    };

    if (kind == VL_KIND_ANY)
        return true;
    if (kind == VL_KIND_FLOAT)
        return json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_int);
    return json_object_is_type(v, types[kind]);
}

static int validate(const VlType *type, json_object *v, const Path *path, char **ret_where)
{
    bool nullable = type->nullable;

    if (type->kind == VL_KIND_NAMED)
        type = type->named;
    if (!v)
        return nullable ? 0 : wrong(path, ret_where);
    switch (type->kind) {
    case VL_KIND_STRUCT:
        return validate_struct(type, v, path, ret_where);
    case VL_KIND_ENUM:
        return validate_enum(type, v, path, ret_where);
    case VL_KIND_ARRAY:
        return validate_array(type, v, path, ret_where);
    case VL_KIND_MAP:
        return validate_map(type, v, path, ret_where);
    case VL_KIND_BOOL:
    case VL_KIND_INT:
    case VL_KIND_FLOAT:
    case VL_KIND_STRING:
    case VL_KIND_OBJECT:
    case VL_KIND_ANY:
        return is_plain(type->kind, v) ? 0 : wrong(path, ret_where);
    case VL_KIND_NAMED:
        break;
    }
    return wrong(path, ret_where);
}

int vl_type_validate(const VlType *type, json_object *value, char **ret_where)
{
    return validate(type, value, NULL, ret_where);
}
