/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dmv-publish catalog: all releases in one payload, with the next version. Nothing is signed here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/sidecar.h"
#include "host/fs.h"
#include "model/catalog.h"

#define DAY 86400
#define RPM_MAX_SIZE (UINT64_C(4) << 30)

static int hash_rpm(const DmvPublisher *p, const char *href, char ret_hex[DMV_SHA256_HEX], uint64_t *ret_size,
                    DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    if (asprintf(&path, DMV_PUBLISH_REPO "/%s", href) < 0)
        return -ENOMEM;
    fd = dmv_fs_open(p->fd, path, O_RDONLY, 0);
    r = fd < 0 ? fd : dmv_fs_copy_hashed(fd, -1, RPM_MAX_SIZE, ret_hex, ret_size);
    return r < 0 ? dmv_error_set(reterr, r, "cannot write the catalog", "release it again, or revoke it",
                                 "%s/%s: %s", p->path, path, strerror(-r))
                 : 0;
}

/* The RPM in the repository has to be the one that was released, or what it is now is taken with @rehash. */
static int check_rpm(const DmvPublisher *p, json_object *rpm, bool rehash, DmvError *reterr)
{
    const char *href = dmv_sidecar_string(rpm, "href"), *sha256 = dmv_sidecar_string(rpm, "sha256");
    char hex[DMV_SHA256_HEX];
    uint64_t size = 0;
    int r;

    if (!dmv_relative_path_is_valid(href))
        return dmv_error_set(reterr, DMV_MALFORMED, "cannot write the catalog", NULL,
                             "a package has no href");
    r = hash_rpm(p, href, hex, &size, reterr);
    if (r != 0)
        return r;
    if (rehash)
        return dmv_json_add_int(rpm, "size", (int64_t)size) < 0 || dmv_json_add_string(rpm, "sha256", hex) < 0
                   ? -ENOMEM
                   : 0;
    if (!dmv_streq(sha256, hex))
        return dmv_error_set(reterr, DMV_HASH_MISMATCH, "cannot write the catalog",
                             "if you changed or signed it on purpose, say --rehash",
                             "%s is not the package that was released", href);
    return 0;
}

/* Takes what --rehash found into the release's file. */
static int save_release(const DmvPublisher *p, json_object *release, DmvError *reterr)
{
    DMV_CLEANUP_RELEASE_NAME DmvReleaseName n = {0};
    int r = dmv_sidecar_name(release, &n, reterr);

    return r != 0 ? r : dmv_sidecar_write(p, &n, release, reterr);
}

static int check_release(const DmvPublisher *p, json_object *release, bool rehash, DmvError *reterr)
{
    json_object *packages = NULL;
    int r = 0;

    (void)json_object_object_get_ex(release, "packages", &packages);
    for (size_t i = 0; packages && i < json_object_array_length(packages) && r == 0; i++) {
        json_object *rpm = NULL;

        (void)json_object_object_get_ex(json_object_array_get_idx(packages, i), "rpm", &rpm);
        r = check_rpm(p, rpm, rehash, reterr);
    }
    return r == 0 && rehash ? save_release(p, release, reterr) : r;
}

/* The version of the catalog before this one; 0 before the first. */
static int last_version(const DmvPublisher *p, int64_t *ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *before = NULL;
    DMV_CLEANUP_ERROR DmvError missing = {0};
    int r = dmv_publisher_read_json(p, DMV_PUBLISH_CATALOG, &before, &missing);

    *ret = 0;
    if (r == DMV_NO_SUCH_OBJECT)
        return 0;
    if (r != 0) {
        dmv_error_move(reterr, &missing);
        return r;
    }
    *ret = dmv_sidecar_int(before, "version", -1);
    return *ret >= 1 ? 0
                     : dmv_error_set(reterr, DMV_MALFORMED, "cannot write the catalog", NULL,
                                     DMV_PUBLISH_CATALOG " has no version to count on from");
}

static int make_payload(const DmvPublisher *p, int64_t version, int64_t days, json_object *releases,
                        json_object **ret)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    int64_t now = dmv_publish_now();
    char issued[21], expires[21];

    dmv_format_time(now, issued);
    dmv_format_time(now + days * DAY, expires);
    if (!o || dmv_json_add_string(o, "_type", "catalog") < 0 || dmv_json_add_int(o, "spec", 1) < 0 ||
        dmv_json_add_int(o, "version", version) < 0 || dmv_json_add_string(o, "issued", issued) < 0 ||
        dmv_json_add_string(o, "expires", expires) < 0 || dmv_json_add_string(o, "stream", p->stream) < 0 ||
        dmv_json_add(o, "releases", json_object_get(releases)) < 0)
        return -ENOMEM;
    *ret = DMV_TAKE_PTR(o);
    return 0;
}

/* What no host would take must not be signed: the reader that hosts use has the last word. */
static int write_checked(const DmvPublisher *p, json_object *payload, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    DMV_CLEANUP_CATALOG DmvCatalog *catalog = NULL;
    size_t size = 0;
    int r = dmv_json_format(payload, &text, &size);

    if (r == 0)
        r = dmv_catalog_parse(text, size, &catalog, reterr);
    if (r > 0) {
        dmv_error_set_what(reterr, "cannot write a catalog that hosts would refuse");
        dmv_error_set_next(reterr, "correct the file in %s/" DMV_PUBLISH_RELEASES, p->path);
    }
    return r != 0 ? r : dmv_publisher_write(p, DMV_PUBLISH_CATALOG, text, size, 0644, reterr);
}

int dmv_publish_catalog(const DmvPublisher *p, int64_t days, bool rehash, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *releases = NULL, *payload = NULL;
    int64_t version = 0;
    int r = dmv_sidecar_read_all(p, &releases, reterr);

    for (size_t i = 0; r == 0 && i < json_object_array_length(releases); i++)
        r = check_release(p, json_object_array_get_idx(releases, i), rehash, reterr);
    if (r == 0)
        r = last_version(p, &version, reterr);
    if (r == 0)
        r = make_payload(p, version + 1, days, releases, &payload);
    if (r == 0)
        r = write_checked(p, payload, reterr);
    if (r == 0)
        printf("catalog %lld of stream %s: %zu releases\n", (long long)version + 1, p->stream,
               json_object_array_length(releases));
    return r;
}

int dmv_command_catalog(int argc, char **argv, DmvError *reterr)
{
    int64_t days = 0;
    bool rehash = false, done = false;
    const DmvArg args[] = {
        {"expires", DMV_ARG_INT, &days, "DAYS", "life of this catalog"},
        {"rehash", DMV_ARG_FLAG, &rehash, NULL, "take changed packages as they are now"},
    };
    const DmvArgsSpec spec = {"catalog", "DIR", 1, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    const char *dir = NULL;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    r = dmv_publisher_open(dir, &p, reterr);
    return r != 0 ? r : dmv_publish_catalog(&p, days > 0 ? days : p.catalog_days, rehash, reterr);
}
