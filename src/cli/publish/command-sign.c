/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-publish sign: the catalog in its envelope, and the bundle of root history and catalog. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/keyfile.h"
#include "cli/publish/rootfile.h"
#include "cli/publish/seal.h"
#include "host/fs.h"
#include "trust/bundle.h"

#define CATALOG_MAX_SIZE ((size_t)48 << 20)

/* Signatures that other people's keys gave to the same payload stay. */
static int keep_signatures(const DmvPublisher *p, json_object *envelope, const DmvRootRole *role)
{
    DMV_CLEANUP_JSON json_object *before = NULL;
    json_object *old = NULL, *fresh = NULL, *a = NULL, *b = NULL;

    if (dmv_publisher_read_json(p, DMV_PUBLISH_CATALOG_SIGNED, &before, NULL) != 0 ||
        !json_object_object_get_ex(before, "payload", &a) ||
        !json_object_object_get_ex(envelope, "payload", &b) || !json_object_equal(a, b) ||
        !json_object_object_get_ex(before, "signatures", &old) ||
        !json_object_object_get_ex(envelope, "signatures", &fresh) ||
        !json_object_is_type(old, json_type_array))
        return 0;
    for (size_t i = 0; i < json_object_array_length(old); i++) {
        json_object *signature = json_object_array_get_idx(old, i), *id = NULL, *other = NULL;
        bool known = !json_object_object_get_ex(signature, "keyid", &id) ||
                     !dmv_strv_contains(role->ids, json_object_get_string(id));

        for (size_t k = 0; k < json_object_array_length(fresh) && !known; k++)
            known = json_object_object_get_ex(json_object_array_get_idx(fresh, k), "keyid", &other) &&
                    json_object_equal(id, other);
        if (!known && json_object_array_add(fresh, json_object_get(signature)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int seal_catalog(const DmvPublisher *p, char *const *key_folders, const DmvRootfile *root,
                        json_object **ret, DmvError *reterr)
{
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0};
    DMV_CLEANUP_FREE char *payload = NULL;
    DMV_CLEANUP_JSON json_object *envelope = NULL;
    json_object *signatures = NULL;
    size_t size = 0;
    int r = dmv_fs_read_file(p->fd, DMV_PUBLISH_CATALOG, CATALOG_MAX_SIZE, &payload, &size);

    if (r < 0)
        return dmv_error_set(reterr, r == -ENOENT ? DMV_NO_SUCH_OBJECT : r, "cannot sign the catalog",
                             "write it with dmv-publish catalog DIR", DMV_PUBLISH_CATALOG ": %s",
                             strerror(-r));
    r = dmv_keyfile_load(p, "catalog", key_folders, &keys, reterr);
    if (r == 0)
        r = dmv_seal(DMV_CATALOG_TYPE, payload, size, &keys, root->catalog.ids, &envelope, NULL);
    if (r == 0)
        r = keep_signatures(p, envelope, &root->catalog);
    if (r == 0)
        r = dmv_publisher_write_json(p, DMV_PUBLISH_CATALOG_SIGNED, envelope, reterr);
    if (r != 0)
        return r;
    (void)json_object_object_get_ex(envelope, "signatures", &signatures);
    if ((int64_t)json_object_array_length(signatures) < root->catalog.threshold)
        return dmv_error_set(reterr, DMV_BELOW_THRESHOLD, "cannot make the bundle",
                             "put more catalog keys into keys/, or name their folder with --keys",
                             "the catalog has %zu of the %lld signatures that it needs",
                             json_object_array_length(signatures), (long long)root->catalog.threshold);
    *ret = DMV_TAKE_PTR(envelope);
    return 0;
}

/* What no host would take must not be published. */
static int check_bundle(const DmvPublisher *p, json_object *bundle, json_object *roots, DmvError *reterr)
{
    DMV_CLEANUP_BUNDLE DmvBundleResult result = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = dmv_json_format(bundle, &text, &size);

    if (r == 0)
        r = dmv_rootfile_judge_bundle(p, roots, text, size, false, &result, reterr);
    if (r > 0)
        dmv_error_set_what(reterr, "cannot make a bundle that hosts would refuse");
    return r;
}

int dmv_publish_sign(const DmvPublisher *p, char *const *key_folders, DmvError *reterr)
{
    DMV_CLEANUP_ROOTFILE DmvRootfile root = {0};
    DMV_CLEANUP_JSON json_object *bundle = json_object_new_object(), *roots = NULL, *envelope = NULL;
    int r = bundle ? dmv_rootfile_newest(p, &root, reterr) : -ENOMEM;

    if (r == 0)
        r = dmv_rootfile_history(p, &roots, reterr);
    if (r == 0)
        r = seal_catalog(p, key_folders, &root, &envelope, reterr);
    if (r != 0)
        return r;
    if (dmv_json_add_string(bundle, "format", "dmv-bundle-1") < 0 ||
        dmv_json_add(bundle, "roots", json_object_get(roots)) < 0 ||
        dmv_json_add(bundle, "catalog", DMV_TAKE_PTR(envelope)) < 0)
        return -ENOMEM;
    r = check_bundle(p, bundle, roots, reterr);
    if (r == 0)
        r = dmv_publisher_write_json(p, DMV_PUBLISH_BUNDLE, bundle, reterr);
    if (r == 0)
        printf("bundle signed: root %lld\n", (long long)root.version);
    return r;
}

int dmv_command_sign(int argc, char **argv, DmvError *reterr)
{
    DMV_CLEANUP_STRV char **folders = NULL;
    const DmvArg args[] = {
        {"keys", DMV_ARG_LIST, &folders, "FOLDER", "further folder with catalog keys; may repeat"},
    };
    const DmvArgsSpec spec = {"sign", "DIR", 1, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    const char *dir = NULL;
    bool done = false;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    r = dmv_publisher_open(dir, &p, reterr);
    return r != 0 ? r : dmv_publish_sign(&p, folders, reterr);
}
