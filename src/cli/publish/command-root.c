/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmv-publish root: the next root, with other keys, thresholds or a later end.
 *
 * It is signed by every key of the old and of the new root that is at hand; hosts ask for both thresholds.
 * Private keys that it replaces stay where they are: the publisher destroys them once the new root is out.
 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/keyfile.h"
#include "cli/publish/rootfile.h"

#define DAY 86400

typedef struct Options {
    char **catalog_keys, **root_keys, **folders;
    int64_t days, catalog_threshold, root_threshold;
} Options;

static void options_deinit(Options *o)
{
    dmv_strv_free(o->catalog_keys);
    dmv_strv_free(o->root_keys);
    dmv_strv_free(o->folders);
}

/* A copy by way of the format that is signed. */
static int copy_root(const DmvRootfile *from, DmvRootfile *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = dmv_rootfile_format(from, &text, &size);

    return r < 0 ? r : dmv_rootfile_parse(text, size, ret, reterr);
}

static int replace_key(const DmvPublisher *p, const char *prefix, DmvRootfile *root, DmvRootRole *role,
                       size_t n, DmvSignkeys *keys, DmvError *reterr)
{
    int r = dmv_signkey_generate(p->scheme, keys, reterr);

    if (r == 0)
        r = dmv_rootfile_replace_key(root, role, n, &keys->items[keys->n - 1], reterr);
    if (r == 0)
        r = dmv_keyfile_save(p, prefix, &keys->items[keys->n - 1], reterr);
    return r;
}

/* "" stands for every key of the role. */
static int replace_keys(const DmvPublisher *p, const char *prefix, char *const *which, DmvRootfile *root,
                        DmvRootRole *role, DmvSignkeys *keys, DmvError *reterr)
{
    int r = 0;

    for (size_t i = 0; which && which[i] && r == 0; i++) {
        uint64_t n = 0;

        if (!*which[i]) {
            for (n = 1; n <= dmv_strv_length(role->ids) && r == 0; n++)
                r = replace_key(p, prefix, root, role, n, keys, reterr);
            continue;
        }
        if (dmv_parse_u64(which[i], INT32_MAX, &n) < 0)
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot replace a key",
                                 "dmv-publish show DIR lists the keys", "\"%s\" is no number of a key",
                                 which[i]);
        r = replace_key(p, prefix, root, role, n, keys, reterr);
    }
    return r;
}

static int set_threshold(DmvRootRole *role, const char *name, int64_t threshold, DmvError *reterr)
{
    if (threshold == 0)
        return 0;
    if ((size_t)threshold > dmv_strv_length(role->ids))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot set the threshold", NULL,
                             "role %s has %zu keys, fewer than %lld", name, dmv_strv_length(role->ids),
                             (long long)threshold);
    role->threshold = threshold;
    return 0;
}

static int make_next(const DmvPublisher *p, const Options *o, DmvError *reterr)
{
    DMV_CLEANUP_ROOTFILE DmvRootfile before = {0}, next = {0};
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0}, catalog = {0};
    int r = dmv_rootfile_newest(p, &before, reterr);

    if (r == 0)
        r = copy_root(&before, &next, reterr);
    if (r == 0)
        r = dmv_keyfile_load(p, "root", o->folders, &keys, reterr);
    if (r != 0)
        return r;
    next.version = before.version + 1;
    next.expires = dmv_publish_now() + o->days * DAY;
    r = replace_keys(p, "root", o->root_keys, &next, &next.root, &keys, reterr);
    if (r == 0)
        r = replace_keys(p, "catalog", o->catalog_keys, &next, &next.catalog, &catalog, reterr);
    if (r == 0)
        r = set_threshold(&next.root, "root", o->root_threshold, reterr);
    if (r == 0)
        r = set_threshold(&next.catalog, "catalog", o->catalog_threshold, reterr);
    if (r == 0)
        r = dmv_rootfile_save(p, &next, &before, &keys, reterr);
    if (r == 0)
        printf("root %lld is signed; hosts will know after dmv-publish publish\n", (long long)next.version);
    return r;
}

int dmv_command_root(int argc, char **argv, DmvError *reterr)
{
    DMV_CLEANUP(options_deinit) Options o = {.days = DMV_PUBLISH_ROOT_DAYS};
    const DmvArg args[] = {
        {"replace-catalog-key", DMV_ARG_MAYBE, &o.catalog_keys, "N", "a new catalog key N; without N: all"},
        {"replace-root-key", DMV_ARG_LIST, &o.root_keys, "N", "a new root key N; may repeat"},
        {"catalog-threshold", DMV_ARG_INT, &o.catalog_threshold, "N", "keys that sign a catalog"},
        {"root-threshold", DMV_ARG_INT, &o.root_threshold, "N", "keys that sign a root"},
        {"expires", DMV_ARG_INT, &o.days, "DAYS", "life of the root (1825)"},
        {"keys", DMV_ARG_LIST, &o.folders, "FOLDER", "further folder with root keys; may repeat"},
    };
    const DmvArgsSpec spec = {"root", "DIR", 1, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    const char *dir = NULL;
    bool done = false;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    if (o.days < 1)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot make a root", NULL,
                             "a root lives for a day at least");
    r = dmv_publisher_open(dir, &p, reterr);
    return r != 0 ? r : make_next(&p, &o, reterr);
}
