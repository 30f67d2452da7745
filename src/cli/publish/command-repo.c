/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmv-publish repo and publish: an ordinary RPM repository with the bundle as its record "dmv".
 *
 * modifyrepo_c refuses *.json; JSON is YAML, so the record is dmv.yaml. createrepo_c writes a new repomd.xml
 * beside the old one and puts it in place last, but without our record: so both work on a copy that is
 * swapped in when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/publish/args.h"
#include "cli/publish/command.h"
#include "cli/publish/floorfile.h"
#include "host/fs.h"

#define NEXT ".next" /* repo/.next/: a repository whose Packages is a link to the real one */
#define BUNDLE_MAX_SIZE ((size_t)64 << 20)

static int fail(const char *path, int r, DmvError *reterr)
{
    return dmv_error_set(reterr, r, "cannot bring the repository up to date", NULL, "%s: %s", path,
                         strerror(-r));
}

static int prepare(const DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *bundle = NULL;
    size_t size = 0;
    int r = dmv_fs_read_file(p->fd, DMV_PUBLISH_BUNDLE, BUNDLE_MAX_SIZE, &bundle, &size);

    if (r < 0)
        return dmv_error_set(reterr, r == -ENOENT ? DMV_NO_SUCH_OBJECT : r,
                             "cannot bring the repository up to date", "make it with dmv-publish sign DIR",
                             DMV_PUBLISH_BUNDLE ": %s", strerror(-r));
    r = dmv_fs_mkdirs(p->fd, DMV_PUBLISH_REPO "/" DMV_PUBLISH_PACKAGES, 0755);
    if (r == 0)
        r = dmv_fs_remove_tree(p->fd, DMV_PUBLISH_REPO "/" NEXT);
    if (r == 0)
        r = dmv_fs_mkdirs(p->fd, DMV_PUBLISH_REPO "/" NEXT, 0755);
    if (r == 0)
        r = dmv_fs_replace_link(p->fd, DMV_PUBLISH_REPO "/" NEXT "/" DMV_PUBLISH_PACKAGES,
                                "../" DMV_PUBLISH_PACKAGES);
    if (r == 0)
        r = dmv_fs_replace_file(p->fd, DMV_PUBLISH_REPO "/" NEXT "/dmv.yaml", bundle, size, 0644);
    return r < 0 ? fail(DMV_PUBLISH_REPO, r, reterr) : 0;
}

static int run_tools(const DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *next = dmv_publisher_path(p, DMV_PUBLISH_REPO "/" NEXT), *record = NULL,
                          *data = NULL;
    int r;

    if (!next || asprintf(&record, "%s/dmv.yaml", next) < 0 || asprintf(&data, "%s/repodata", next) < 0)
        return -ENOMEM;
    const char *const create[] = {"createrepo_c", "--quiet", "--checksum", "sha256", next, NULL};
    const char *const modify[] = {"modifyrepo_c", "--mdtype=dmv", "--no-compress", record, data, NULL};

    r = dmv_publish_run("cannot index the packages", create, reterr);
    return r != 0 ? r : dmv_publish_run("cannot add the bundle to the repository", modify, reterr);
}

/* The old repodata stays whole until the new one has its name. */
static int swap_in(const DmvPublisher *p, DmvError *reterr)
{
    static const char live[] = DMV_PUBLISH_REPO "/repodata", next[] = DMV_PUBLISH_REPO "/" NEXT "/repodata";
    int r = 0;

    if (renameat2(p->fd, next, p->fd, live, RENAME_EXCHANGE) < 0) {
        /* the first time, or a filesystem that cannot exchange */
        r = errno == ENOENT ? 0 : dmv_fs_remove_tree(p->fd, live);
        if (r == 0)
            r = dmv_fs_rename(p->fd, next, live, false);
    }
    if (r == 0)
        r = dmv_fs_remove_tree(p->fd, DMV_PUBLISH_REPO "/" NEXT);
    if (r == 0)
        r = dmv_fs_sync_dir(p->fd, DMV_PUBLISH_REPO);
    return r < 0 ? fail(live, r, reterr) : 0;
}

int dmv_publish_repo(const DmvPublisher *p, DmvError *reterr)
{
    int r = prepare(p, reterr);

    if (r == 0)
        r = run_tools(p, reterr);
    if (r == 0)
        r = swap_in(p, reterr);
    else
        (void)dmv_fs_remove_tree(p->fd, DMV_PUBLISH_REPO "/" NEXT);
    if (r == 0)
        r = dmv_floorfile_save(p, reterr);
    if (r == 0)
        printf("repository ready: %s/" DMV_PUBLISH_REPO "\n", p->path);
    return r;
}

int dmv_command_repo(int argc, char **argv, DmvError *reterr)
{
    const DmvArgsSpec spec = {"repo", "DIR", 1, NULL, 0};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    const char *dir = NULL;
    bool done = false;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    r = dmv_publisher_open(dir, &p, reterr);
    return r != 0 ? r : dmv_publish_repo(&p, reterr);
}

int dmv_command_publish(int argc, char **argv, DmvError *reterr)
{
    DMV_CLEANUP_STRV char **folders = NULL;
    int64_t days = 0;
    bool rehash = false, done = false;
    const DmvArg args[] = {
        {"expires", DMV_ARG_INT, &days, "DAYS", "life of this catalog"},
        {"keys", DMV_ARG_LIST, &folders, "FOLDER", "further folder with catalog keys; may repeat"},
        {"rehash", DMV_ARG_FLAG, &rehash, NULL, "take changed packages as they are now"},
    };
    const DmvArgsSpec spec = {"publish", "DIR", 1, args, DMV_N_ELEMENTS(args)};
    DMV_CLEANUP_PUBLISHER DmvPublisher p = DMV_PUBLISHER_NULL;
    const char *dir = NULL;
    int r = dmv_args_parse(&spec, argc, argv, &dir, &done, reterr);

    if (r != 0 || done)
        return r;
    r = dmv_publisher_open(dir, &p, reterr);
    if (r == 0)
        r = dmv_publish_catalog(&p, days > 0 ? days : p.catalog_days, rehash, reterr);
    if (r == 0)
        r = dmv_publish_sign(&p, folders, reterr);
    return r != 0 ? r : dmv_publish_repo(&p, reterr);
}
