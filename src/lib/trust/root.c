/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Roots. See root.h.
 *
 * A key's name is recomputed from its bytes, so that nobody can give one key the name of another, or count it
 * under two.
 */
#include "root.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "trust/base64.h"

#define WHAT "cannot use a root"

static const DmvJsonLimits root_limits = {
    .size = DMV_ROOT_SIZE_MAX, .depth = 8, .nodes = 1024, .plain_integers = true};

void dmv_root_deinit(DmvRoot *r)
{
    for (size_t i = 0; i < r->n_keys; i++)
        r->keys[i] = dmv_key_free(r->keys[i]);
    *r = (DmvRoot){0};
}

static int parse_key(const char *id, json_object *o, DmvKey **ret, DmvError *reterr)
{
    DMV_CLEANUP_KEY DmvKey *k = NULL;
    const char *scheme = NULL, *text = NULL;
    unsigned char spki[1024];
    size_t size = 0;
    const DmvJsonField fields[] = {
        {"scheme", DMV_JSON_STRING, DMV_JSON_REQUIRED, &scheme},
        {"spki", DMV_JSON_STRING, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &text},
    };
    int r = dmv_json_read(o, "a key", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r != 0)
        return r;
    if (dmv_base64_decoded_max(strlen(text)) > sizeof(spki))
        return dmv_error_set(reterr, DMV_BAD_KEY, WHAT, NULL, "a key is larger than any of a known scheme");
    if (dmv_base64_decode(text, strlen(text), spki, &size) != 0)
        return dmv_error_set(reterr, DMV_BAD_BASE64, WHAT, NULL, "a key is not canonical base64");
    r = dmv_key_new(scheme, spki, size, &k, reterr);
    if (r != 0)
        return r;
    if (strcmp(dmv_key_id(k), id) != 0)
        return dmv_error_set(reterr, DMV_BAD_KEY, WHAT, NULL,
                             "a key is listed under an id that is not its own");
    *ret = DMV_TAKE_PTR(k);
    return 0;
}

static int parse_keys(json_object *keys, DmvRoot *root, DmvError *reterr)
{
    json_object_object_foreach (keys, id, o) {
        int r;

        if (root->n_keys == DMV_ROOT_KEYS_MAX)
            return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "it has more than %d keys",
                                 DMV_ROOT_KEYS_MAX);
        r = parse_key(id, o, &root->keys[root->n_keys], reterr);
        if (r != 0)
            return r;
        root->n_keys++;
    }
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(dmv_key_id(*(const DmvKey *const *)a), dmv_key_id(*(const DmvKey *const *)b));
}

static int add_role_key(const char *id, const DmvRoot *root, DmvRole *role, DmvError *reterr)
{
    for (size_t i = 0; i < role->n_keys; i++)
        if (id && strcmp(dmv_key_id(role->keys[i]), id) == 0)
            return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "a role lists a key twice");
    for (size_t i = 0; id && i < root->n_keys; i++)
        if (strcmp(dmv_key_id(root->keys[i]), id) == 0) {
            role->keys[role->n_keys++] = root->keys[i];
            return 0;
        }
    return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "a role lists a key that is not among the keys");
}

static int parse_role(json_object *o, const char *name, const DmvRoot *root, DmvRole *role, DmvError *reterr)
{
    json_object *ids = NULL;
    int64_t threshold = 0;
    const DmvJsonField fields[] = {
        {"keyids", DMV_JSON_ARRAY, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &ids},
        {"threshold", DMV_JSON_INT, DMV_JSON_REQUIRED, &threshold},
    };
    int r = dmv_json_read(o, name, fields, DMV_N_ELEMENTS(fields), false, reterr);

    for (size_t i = 0; r == 0 && i < json_object_array_length(ids); i++) {
        json_object *id = json_object_array_get_idx(ids, i);

        r = add_role_key(json_object_is_type(id, json_type_string) ? json_object_get_string(id) : NULL, root,
                         role, reterr);
    }
    if (r != 0)
        return r;
    if (threshold < 1 || (size_t)threshold > role->n_keys)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL,
                             "the threshold of the role %s is not 1 to %zu", name, role->n_keys);
    role->threshold = (size_t)threshold;
    qsort(role->keys, role->n_keys, sizeof(role->keys[0]), compare_keys);
    return 0;
}

static int parse_roles(json_object *roles, DmvRoot *root, DmvError *reterr)
{
    json_object *for_root = NULL, *for_catalog = NULL;
    const DmvJsonField fields[] = {
        {"root", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &for_root},
        {"catalog", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &for_catalog},
    };
    int r = dmv_json_read(roles, "roles", fields, DMV_N_ELEMENTS(fields), true, reterr);

    if (r == 0)
        r = parse_role(for_root, "root", root, &root->root, reterr);
    if (r == 0)
        r = parse_role(for_catalog, "catalog", root, &root->catalog, reterr);
    return r;
}

static int name_key_set(DmvRoot *root)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    for (size_t i = 0; i < root->catalog.n_keys; i++)
        dmv_text_appendf(&t, "%s\n", dmv_key_id(root->catalog.keys[i]));
    dmv_text_appendf(&t, "%zu\n", root->catalog.threshold);
    return t.error ? t.error : dmv_sha256_hex(t.data, t.size, root->key_set);
}

static int check_header(const char *type, int64_t spec, const char *expires, DmvRoot *root, DmvError *reterr)
{
    if (strcmp(type, "root") != 0)
        return dmv_error_set(reterr, DMV_WRONG_TYPE, WHAT, NULL, "this is not a root");
    if (spec != 1)
        return dmv_error_set(reterr, DMV_UNKNOWN_SPEC, WHAT, "update dmv",
                             "it follows spec %lld, and only 1 is known", (long long)spec);
    if (root->version < 1)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "its version is not 1 or more");
    if (dmv_parse_time(expires, &root->expires) != 0)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "\"expires\" is not YYYY-MM-DDTHH:MM:SSZ");
    return 0;
}

int dmv_root_parse(const char *data, size_t size, DmvRoot *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    json_object *keys = NULL, *roles = NULL;
    const char *type = NULL, *expires = NULL;
    DmvRoot root = {0};
    int64_t spec = 0;
    const DmvJsonField head[] = {
        {"_type", DMV_JSON_STRING, DMV_JSON_REQUIRED, &type},
        {"spec", DMV_JSON_INT, DMV_JSON_REQUIRED, &spec},
        {"version", DMV_JSON_INT, DMV_JSON_REQUIRED, &root.version},
        {"expires", DMV_JSON_STRING, DMV_JSON_REQUIRED, &expires},
        {"keys", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &keys},
        {"roles", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &roles},
    };
    int r = dmv_json_parse(data, size, &root_limits, &o, reterr);

    if (r == 0)
        r = dmv_json_read(o, "the root", head, DMV_N_ELEMENTS(head), true, reterr);
    if (r == 0)
        r = check_header(type, spec, expires, &root, reterr);
    if (r == 0)
        r = parse_keys(keys, &root, reterr);
    if (r == 0)
        r = parse_roles(roles, &root, reterr);
    if (r == 0 && name_key_set(&root) < 0)
        r = dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
    if (r != 0)
        dmv_root_deinit(&root);
    else
        *ret = root;
    return r;
}
