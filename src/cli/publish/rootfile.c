/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Roots: which keys may sign what, version after version. See rootfile.h. */
#include "cli/publish/rootfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/publish/seal.h"

static const DmvJsonLimits root_limits = {.size = 65536, .depth = 8, .nodes = 4096, .plain_integers = true};

void dmv_rootfile_deinit(DmvRootfile *r)
{
    json_object_put(r->keys);
    dmv_strv_free(r->root.ids);
    dmv_strv_free(r->catalog.ids);
    *r = (DmvRootfile){0};
}

static int add_public(DmvRootfile *r, const DmvSignkey *k)
{
    DMV_CLEANUP_FREE char *spki = NULL;
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int error = dmv_seal_base64(k->spki, k->spki_size, &spki);

    if (!r->keys)
        r->keys = json_object_new_object();
    if (error < 0 || !o || !r->keys || dmv_json_add_string(o, "scheme", k->scheme) < 0 ||
        dmv_json_add_string(o, "spki", spki) < 0)
        return -ENOMEM;
    return dmv_json_add(r->keys, k->id, DMV_TAKE_PTR(o));
}

int dmv_rootfile_add_key(DmvRootfile *r, DmvRootRole *role, const DmvSignkey *k)
{
    int error = add_public(r, k);

    return error < 0 ? error : dmv_strv_push(&role->ids, k->id);
}

int dmv_rootfile_replace_key(DmvRootfile *r, DmvRootRole *role, size_t n, const DmvSignkey *k,
                             DmvError *reterr)
{
    if (n < 1 || n > dmv_strv_length(role->ids))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot replace a key",
                             "dmv-publish show DIR lists the keys", "the role has keys 1 to %zu, not %zu",
                             dmv_strv_length(role->ids), n);
    if (add_public(r, k) < 0 || dmv_set_string(&role->ids[n - 1], k->id) < 0)
        return -ENOMEM;
    return 0;
}

static int add_role(json_object *roles, const char *name, const DmvRootRole *role)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();

    if (!o || dmv_json_add_strv(o, "keyids", role->ids) < 0 ||
        dmv_json_add_int(o, "threshold", role->threshold) < 0)
        return -ENOMEM;
    return dmv_json_add(roles, name, DMV_TAKE_PTR(o));
}

static int add_used_keys(json_object *o, const DmvRootfile *r)
{
    DMV_CLEANUP_JSON json_object *used = json_object_new_object();

    if (!used)
        return -ENOMEM;
    json_object_object_foreach (r->keys, id, key) {
        if (!dmv_strv_contains(r->root.ids, id) && !dmv_strv_contains(r->catalog.ids, id))
            continue;
        if (dmv_json_add(used, id, json_object_get(key)) < 0)
            return -ENOMEM;
    }
    return dmv_json_add(o, "keys", DMV_TAKE_PTR(used));
}

int dmv_rootfile_format(const DmvRootfile *r, char **ret, size_t *ret_size)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object(), *roles = json_object_new_object();
    char expires[21];

    dmv_format_time(r->expires, expires);
    if (!o || !roles || dmv_json_add_string(o, "_type", "root") < 0 || dmv_json_add_int(o, "spec", 1) < 0 ||
        dmv_json_add_int(o, "version", r->version) < 0 || dmv_json_add_string(o, "expires", expires) < 0 ||
        add_used_keys(o, r) < 0 || add_role(roles, "root", &r->root) < 0 ||
        add_role(roles, "catalog", &r->catalog) < 0 || dmv_json_add(o, "roles", DMV_TAKE_PTR(roles)) < 0)
        return -ENOMEM;
    return dmv_json_format(o, ret, ret_size);
}

static int read_role(json_object *roles, const char *name, DmvRootRole *ret, DmvError *reterr)
{
    json_object *o = NULL;
    const DmvJsonField outer[] = {{name, DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &o}};
    const DmvJsonField fields[] = {
        {"keyids", DMV_JSON_STRV, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &ret->ids},
        {"threshold", DMV_JSON_INT, DMV_JSON_REQUIRED, &ret->threshold},
    };
    int r = dmv_json_read(roles, "roles", outer, 1, true, reterr);

    return r != 0 ? r : dmv_json_read(o, name, fields, DMV_N_ELEMENTS(fields), true, reterr);
}

int dmv_rootfile_parse(const char *data, size_t size, DmvRootfile *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    const char *expires = NULL;
    json_object *keys = NULL, *roles = NULL;
    const DmvJsonField fields[] = {
        {"version", DMV_JSON_INT, DMV_JSON_REQUIRED, &ret->version},
        {"expires", DMV_JSON_STRING, DMV_JSON_REQUIRED, &expires},
        {"keys", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &keys},
        {"roles", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &roles},
    };
    int r = dmv_json_parse(data, size, &root_limits, &o, reterr);

    if (r == 0)
        r = dmv_json_read(o, "the root", fields, DMV_N_ELEMENTS(fields), true, reterr);
    if (r == 0 && dmv_parse_time(expires, &ret->expires) < 0)
        r = dmv_error_set(reterr, DMV_MALFORMED, "cannot read a root", NULL, "\"%s\" is no time", expires);
    if (r == 0)
        r = read_role(roles, "root", &ret->root, reterr);
    if (r == 0)
        r = read_role(roles, "catalog", &ret->catalog, reterr);
    if (r == 0)
        ret->keys = json_object_get(keys);
    return r;
}

static int read_envelope(const DmvPublisher *p, int64_t version, json_object **ret, DmvError *reterr)
{
    char path[64];

    (void)snprintf(path, sizeof(path), DMV_PUBLISH_ROOTS "/%lld.json", (long long)version);
    return dmv_publisher_read_json(p, path, ret, reterr);
}

int dmv_rootfile_history(const DmvPublisher *p, json_object **ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *all = json_object_new_array();

    for (int64_t version = 1; all; version++) {
        DMV_CLEANUP_JSON json_object *envelope = NULL;
        DMV_CLEANUP_ERROR DmvError missing = {0};
        int r = read_envelope(p, version, &envelope, &missing);

        if (r == DMV_NO_SUCH_OBJECT && version > 1)
            break;
        if (r == DMV_NO_SUCH_OBJECT)
            return dmv_error_set(reterr, DMV_NO_ROOT, "cannot read the roots", NULL,
                                 "there is no " DMV_PUBLISH_ROOTS "/1.json in %s", p->path);
        if (r != 0) {
            dmv_error_move(reterr, &missing);
            return r;
        }
        if (json_object_array_add(all, DMV_TAKE_PTR(envelope)) < 0)
            return -ENOMEM;
    }
    if (!all)
        return -ENOMEM;
    *ret = DMV_TAKE_PTR(all);
    return 0;
}

int dmv_rootfile_newest(const DmvPublisher *p, DmvRootfile *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *all = NULL;
    DMV_CLEANUP_FREE char *payload = NULL;
    size_t size = 0;
    int r = dmv_rootfile_history(p, &all, reterr);

    if (r != 0)
        return r;
    r = dmv_unseal(json_object_array_get_idx(all, json_object_array_length(all) - 1), DMV_ROOT_TYPE, &payload,
                   &size, reterr);
    return r != 0 ? r : dmv_rootfile_parse(payload, size, ret, reterr);
}

static size_t count_keys(const DmvRootRole *role, const DmvSignkeys *keys)
{
    size_t n = 0;

    for (size_t i = 0; i < dmv_strv_length(role->ids); i++)
        n += dmv_signkeys_find(keys, role->ids[i]) != NULL;
    return n;
}

static int check_threshold(const DmvRootRole *role, const DmvSignkeys *keys, int code, const char *which,
                           DmvError *reterr)
{
    size_t n = count_keys(role, keys);

    if (role->threshold >= 1 && n >= (size_t)role->threshold)
        return 0;
    return dmv_error_set(reterr, code, "cannot sign the root",
                         "put the root's private keys into keys/, or name their folder with --keys",
                         "%zu of the %lld keys that the %s root needs are at hand", n,
                         (long long)role->threshold, which);
}

/* The ids of all keys that have to sign: those of both roots. */
static int collect_ids(const DmvRootfile *r, const DmvRootfile *before, char ***ret)
{
    for (size_t i = 0; i < dmv_strv_length(r->root.ids); i++)
        if (dmv_strv_push_unique(ret, r->root.ids[i]) < 0)
            return -ENOMEM;
    for (size_t i = 0; before && i < dmv_strv_length(before->root.ids); i++)
        if (dmv_strv_push_unique(ret, before->root.ids[i]) < 0)
            return -ENOMEM;
    return 0;
}

int dmv_rootfile_save(const DmvPublisher *p, const DmvRootfile *r, const DmvRootfile *before,
                      const DmvSignkeys *keys, DmvError *reterr)
{
    DMV_CLEANUP_STRV char **wanted = NULL;
    DMV_CLEANUP_FREE char *payload = NULL;
    DMV_CLEANUP_JSON json_object *envelope = NULL;
    char path[64];
    size_t size = 0;
    int error = before ? check_threshold(&before->root, keys, DMV_ROOT_OLD_KEYS, "old", reterr) : 0;

    if (error == 0)
        error = check_threshold(&r->root, keys, DMV_ROOT_NEW_KEYS, "new", reterr);
    if (error == 0)
        error = collect_ids(r, before, &wanted);
    if (error == 0)
        error = dmv_rootfile_format(r, &payload, &size);
    if (error == 0)
        error = dmv_seal(DMV_ROOT_TYPE, payload, size, keys, wanted, &envelope, NULL);
    (void)snprintf(path, sizeof(path), DMV_PUBLISH_ROOTS "/%lld.json", (long long)r->version);
    if (error == 0)
        error = dmv_publisher_write_json(p, path, envelope, reterr);
    if (error == 0)
        error = dmv_publisher_write_json(p, DMV_PUBLISH_TRUST "/root.json", envelope, reterr);
    return error;
}

int dmv_rootfile_judge_bundle(const DmvPublisher *p, json_object *roots, const char *data, size_t size,
                              bool allow_stale, DmvBundleResult *ret, DmvError *reterr)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState before = {0};
    DMV_CLEANUP_FREE char *first = NULL;
    size_t first_size = 0;
    int r = dmv_json_format(json_object_array_get_idx(roots, 0), &first, &first_size);

    if (r == 0)
        r = dmv_trust_state_from_root(first, first_size, &before, reterr);
    return r == 0 ? dmv_bundle_verify(data, size, &before, p->stream, dmv_publish_now(), allow_stale, ret,
                                      reterr)
                  : r;
}
