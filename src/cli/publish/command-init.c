/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-publish init: a stream from nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/gpg.h"
#include "cli/publish/keyfile.h"
#include "cli/publish/modsign.h"
#include "cli/publish/rootfile.h"
#include "host/fs.h"

#define ROOT_KEYS 3
#define ROOT_THRESHOLD 2
#define CATALOG_KEYS 2
#define DAY 86400

typedef struct Options {
    const char *stream, *scheme;
    int64_t root_days, catalog_days, catalog_threshold;
} Options;

static int check_options(const Options *o, DmvError *reterr)
{
    const char *what = "cannot make a stream";

    if (!dmv_name_is_valid(o->stream))
        return dmv_error_set(reterr, DMV_INVALID_NAME, what,
                             "names are 1 to 64 of A-Z a-z 0-9 _ . + ~ - and start with a letter or a digit",
                             "\"%s\" is no name for a stream", o->stream);
    if (o->catalog_threshold < 1 || o->catalog_threshold > CATALOG_KEYS)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, what, NULL,
                             "a catalog has %d keys and can ask for 1 to %d of them", CATALOG_KEYS,
                             CATALOG_KEYS);
    if (!dmv_signkey_scheme_is_known(o->scheme))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, what,
                             "use ed25519, ecdsa-sha2-nistp256 or ecdsa-sha2-nistp384", "\"%s\" is no scheme",
                             o->scheme);
    if (o->root_days < 1 || o->catalog_days < 1)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, what, NULL,
                             "roots and catalogs live for a day at least");
    return 0;
}

/* Makes the keys of one role, keeps them, and writes them into the root. */
static int make_role(const DmvPublisher *p, const char *prefix, int n, DmvRootfile *root, DmvRootRole *role,
                     DmvSignkeys *all, DmvError *reterr)
{
    int r = 0;

    for (int i = 0; i < n && r == 0; i++) {
        r = dmv_signkey_generate(p->scheme, all, reterr);
        if (r == 0)
            r = dmv_keyfile_save(p, prefix, &all->items[all->n - 1], reterr);
        if (r == 0)
            r = dmv_rootfile_add_key(root, role, &all->items[all->n - 1]);
    }
    return r;
}

static int make_root(const DmvPublisher *p, const Options *o, DmvError *reterr)
{
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0};
    DMV_CLEANUP_ROOTFILE DmvRootfile root = {
        .version = 1,
        .expires = dmv_publish_now() + o->root_days * DAY,
        .root.threshold = ROOT_THRESHOLD,
        .catalog.threshold = o->catalog_threshold,
    };
    int r = make_role(p, "root", ROOT_KEYS, &root, &root.root, &keys, reterr);

    if (r == 0)
        r = make_role(p, "catalog", CATALOG_KEYS, &root, &root.catalog, &keys, reterr);
    return r != 0 ? r : dmv_rootfile_save(p, &root, NULL, &keys, reterr);
}

static int make_module_key(DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_MODCERT DmvModcert cert = {0};
    DMV_CLEANUP_FREE char *name = NULL, *path = NULL;
    int r;

    if (asprintf(&name, "dmv stream %s (modules)", p->stream) < 0)
        return -ENOMEM;
    r = dmv_modcert_generate(name, dmv_publish_now(), &cert);
    if (r == 0)
        r = dmv_set_string(&p->module_signer, cert.skid);
    if (r == 0 && asprintf(&path, DMV_PUBLISH_TRUST "/modules/%s.der", cert.skid) < 0)
        r = -ENOMEM;
    if (r == 0)
        r = dmv_publisher_write(p, DMV_PUBLISH_MODULE_KEY, cert.pem, cert.pem_size, 0600, reterr);
    if (r == 0)
        r = dmv_publisher_write(p, path, cert.der, cert.der_size, 0644, reterr);
    return r;
}

static int make_folders(const DmvPublisher *p, DmvError *reterr)
{
    static const struct {
        const char *path;
        mode_t mode;
    } folders[] = {
        {DMV_PUBLISH_KEYS, 0700},     {DMV_PUBLISH_GNUPG, 0700},
        {DMV_PUBLISH_TRUST, 0755},    {DMV_PUBLISH_ROOTS, 0755},
        {DMV_PUBLISH_RELEASES, 0755}, {DMV_PUBLISH_REPO "/" DMV_PUBLISH_PACKAGES, 0755},
    };

    for (size_t i = 0; i < DMV_N_ELEMENTS(folders); i++) {
        int r = dmv_fs_mkdirs(p->fd, folders[i].path, folders[i].mode);

        if (r < 0)
            return dmv_error_set(reterr, r, "cannot make a folder", NULL, "%s/%s: %s", p->path,
                                 folders[i].path, strerror(-r));
    }
    return 0;
}

static int fill(DmvPublisher *p, const Options *o, DmvError *reterr)
{
    int r = make_folders(p, reterr);

    if (r == 0)
        r = make_root(p, o, reterr);
    if (r == 0)
        r = make_module_key(p, reterr);
    if (r == 0)
        r = dmv_gpg_generate(p, reterr);
    if (r == 0)
        r = dmv_gpg_export(p, reterr);
    /* the settings come last: they make the folder a publisher's */
    return r != 0 ? r : dmv_publisher_save(p, reterr);
}

int dmv_command_init(int argc, char **argv, DmvError *reterr)
{
    Options o = {.stream = "local",
                 .scheme = "ed25519",
                 .root_days = DMV_PUBLISH_ROOT_DAYS,
                 .catalog_days = DMV_PUBLISH_CATALOG_DAYS,
                 .catalog_threshold = 1};
    const DmvArg args[] = {
        {"stream", DMV_ARG_STRING, &o.stream, "NAME", "name of the stream (local)"},
        {"scheme", DMV_ARG_STRING, &o.scheme, "SCHEME", "of root and catalog keys (ed25519)"},
        {"expires", DMV_ARG_INT, &o.root_days, "DAYS", "life of a root (1825)"},
        {"catalog-expires", DMV_ARG_INT, &o.catalog_days, "DAYS", "life of a catalog (190)"},
        {"catalog-threshold", DMV_ARG_INT, &o.catalog_threshold, "N", "of 2 keys sign a catalog (1)"},
    };
    const DmvArgsSpec spec = {"init", "DIR", 1, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    const char *dir = NULL;
    bool done = false;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    r = check_options(&o, reterr);
    if (r == 0)
        r = dmv_publisher_create(dir, &p, reterr);
    if (r != 0)
        return r;
    p.catalog_days = o.catalog_days;
    if (dmv_set_string(&p.stream, o.stream) < 0 || dmv_set_string(&p.scheme, o.scheme) < 0)
        return -ENOMEM;
    r = fill(&p, &o, reterr);
    if (r != 0)
        dmv_publisher_undo_create(&p);
    else
        printf("stream %s is ready; a host that trusts it has a copy of %s/" DMV_PUBLISH_TRUST
               " as /etc/dmv/trust\n",
               p.stream, p.path);
    return r;
}
