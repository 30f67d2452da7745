/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ReadDisk: which packages a driver disk holds, and its bundle as a descriptor.
 *
 * Two layouts are known. A repository has repodata/repomd.xml with the record "dmv": the metadata are taken
 * out and read by the same functions as those of a server. Else the bundle is the file dmv.yaml, which is
 * how it lies on a supplemental pack, whose tools know of no records (XS-REPOSITORY, XS-PACKAGES and RPMs).
 * Packages are only listed here: which of them are wanted is known when the catalog was verified.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonbuild.h"
#include "base/text.h"
#include "disk/disk.h"
#include "host/fs.h"
#include "source.h"

#define PACKAGES_MAX 4096
/* Of repodata; a repository has one bundle, and those that older ones have left. */
#define METADATA_MAX 16
#define REPOMD_MAX ((uint64_t)4 * 1024 * 1024)
#define BUNDLE "dmv.yaml"
#define REPOMD "repodata/repomd.xml"

typedef struct Reading {
    DmvFetchWorker *w;
    uint64_t max_bytes; /* of the bundle */
    int64_t deadline;
    char *folder; /* of this job, absolute; metadata are in disk/ of it, librepo works in transfer/ */
    int fd;       /* disk/ of it */
    DmvJsonBuilder packages;
    size_t n_packages, n_metadata;
    bool has_bundle, has_repomd;
} Reading;

static void reading_deinit(Reading *x)
{
    free(x->folder);
    (void)dmv_close(x->fd);
    json_object_put(dmv_jb_end(&x->packages));
}

static int malformed(DmvError *reterr, const char *path, const char *why)
{
    return dmv_error_set(reterr, DMV_MALFORMED, "the driver disk cannot be used",
                         "ask its maker for another one", "%s: %s", path, why);
}

/* ---- one file ---- */

static int add_package(Reading *x, const char *path, DmvError *reterr)
{
    if (++x->n_packages > PACKAGES_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "the driver disk cannot be used", NULL,
                             "it has more than %d packages", PACKAGES_MAX);
    if (!dmv_relative_path_is_valid(path))
        return malformed(reterr, path, "no package has such a name");
    dmv_jb_add_string(&x->packages, path);
    return 0;
}

/* @name: where to below disk/. A name that is there already is a second repository, or a second bundle. */
static int save(Reading *x, DmvDisk *d, const char *path, uint64_t size, const char *name, uint64_t max,
                DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int out = -1;

    if (size > max)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "the driver disk cannot be used", NULL,
                             "%s is larger than %llu bytes", path, (unsigned long long)max);
    if (!dmv_relative_path_is_valid(name) || ++x->n_metadata > METADATA_MAX)
        return malformed(reterr, path, "such a file, or so many, no repository has");
    out = openat(x->fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return errno == EEXIST ? malformed(reterr, path, "there is a second one on the disk") : -errno;
    return dmv_disk_save(d, out, reterr);
}

/* Does the file lie in a folder repodata, wherever that is? */
static bool is_metadata(const char *path)
{
    static const char folder[] = "repodata";
    const size_t length = sizeof(folder) - 1;
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    return n >= length && memcmp(slash - length, folder, length) == 0 &&
           (n == length || slash[-(ptrdiff_t)length - 1] == '/');
}

static int take(Reading *x, DmvDisk *d, const char *path, uint64_t size, DmvError *reterr)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    bool metadata = is_metadata(path);
    DMV_CLEANUP_FREE char *name = NULL;

    if (dmv_ends_with(base, ".rpm"))
        return add_package(x, path, reterr);
    if (!metadata && strcmp(base, BUNDLE) == 0) {
        x->has_bundle = true;
        return save(x, d, path, size, BUNDLE, x->max_bytes, reterr);
    }
    if (!metadata || (strcmp(base, "repomd.xml") != 0 && !dmv_ends_with(base, BUNDLE)))
        return 0;
    if (asprintf(&name, "repodata/%s", base) < 0)
        return name = NULL, -ENOMEM;
    if (strcmp(name, REPOMD) != 0)
        return save(x, d, path, size, name, x->max_bytes, reterr);
    x->has_repomd = true;
    return save(x, d, path, size, name, REPOMD_MAX, reterr);
}

static int read_disk(Reading *x, int fd, DmvError *reterr)
{
    const DmvDiskOptions o = {.progress = dmv_fetch_progress, .userdata = x->w};
    DMV_CLEANUP(dmv_cleanup_disk) DmvDisk *d = NULL;
    int r = dmv_disk_open(fd, &o, &d, reterr);

    while (r == 0) {
        const char *path = NULL;
        uint64_t size = 0;

        r = dmv_disk_next(d, &path, &size, reterr);
        if (r != 0 || !path)
            break;
        r = take(x, d, path, size, reterr);
    }
    return r;
}

/* ---- the bundle ---- */

static int from_repository(Reading *x, int *ret_fd, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *url = NULL, *into = NULL, *path = NULL;
    char sha256[DMV_SHA256_HEX];
    bool unchanged = false;
    int r;

    if (asprintf(&url, "file://%s/disk/", x->folder) < 0)
        return url = NULL, -ENOMEM;
    if (asprintf(&into, "%s/transfer", x->folder) < 0)
        return into = NULL, -ENOMEM;
    const DmvRepoOptions options = {
        .urls = (char *[]){url, NULL},
        .folder = into,
        .max_bytes = x->max_bytes,
        .deadline_usec = (uint64_t)x->deadline,
        .low_speed = 1,
        .low_speed_sec = 30,
        .progress = dmv_fetch_progress,
        .userdata = x->w,
    };
    r = dmv_repo_fetch_catalog(&options, NULL, &path, sha256, &unchanged, reterr);
    if (r != 0)
        return r;
    *ret_fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

static int find_bundle(Reading *x, int *ret_fd, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = DMV_STREAM_NO_CATALOG;

    if (x->has_repomd)
        r = from_repository(x, ret_fd, &e);
    if (r == DMV_STREAM_NO_CATALOG && x->has_bundle) {
        *ret_fd = openat(x->fd, BUNDLE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        return *ret_fd < 0 ? -errno : 0;
    }
    if (r == DMV_STREAM_NO_CATALOG)
        return dmv_error_set(
            reterr, r, "the driver disk cannot be used", "ask its maker for one for dmv",
            "there is no catalog on it: neither a record \"dmv\" in repodata/repomd.xml nor a "
            "file dmv.yaml");
    if (r != 0)
        (void)dmv_error_set_what(&e, "the driver disk cannot be used");
    dmv_error_move(reterr, &e);
    return r;
}

/* ---- the job ---- */

static int read_request(DmvFetchWorker *w, Reading *x, DmvError *reterr)
{
    int64_t bytes = 0;
    const DmvJsonField fields[] = {
        {"maxBytes", DMV_JSON_INT, DMV_JSON_REQUIRED, &bytes},
        {"deadline", DMV_JSON_INT, DMV_JSON_REQUIRED, &x->deadline},
    };
    int r = dmv_json_read(w->params, "parameters", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r < 0)
        return r;
    if (r > 0 || bytes < 1 || bytes > (int64_t)DMV_DISK_SIZE_MAX || x->deadline < 1)
        return dmv_fetch_invalid(reterr, "maxBytes or deadline is missing or out of range");
    x->max_bytes = (uint64_t)bytes;
    return 0;
}

static int make_folders(Reading *x, const char *name)
{
    DMV_CLEANUP_FREE char *disk = NULL, *repodata = NULL, *transfer = NULL;

    if (asprintf(&x->folder, "%s/%s", x->w->folder, name) < 0)
        return x->folder = NULL, -ENOMEM;
    if (asprintf(&disk, "%s/disk", name) < 0)
        return disk = NULL, -ENOMEM;
    if (asprintf(&repodata, "%s/disk/repodata", name) < 0)
        return repodata = NULL, -ENOMEM;
    if (asprintf(&transfer, "%s/transfer", name) < 0)
        return transfer = NULL, -ENOMEM;
    if (mkdirat(x->w->dirfd, disk, 0700) < 0 || mkdirat(x->w->dirfd, repodata, 0700) < 0 ||
        mkdirat(x->w->dirfd, transfer, 0700) < 0)
        return -errno;
    x->fd = openat(x->w->dirfd, disk, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return x->fd < 0 ? -errno : 0;
}

static int answer(DmvFetchWorker *w, Reading *x, int fd)
{
    DmvJsonBuilder b = {0};
    json_object *params;

    dmv_jb_object(&b);
    dmv_jb_value(&b, "packages", dmv_jb_end(&x->packages));
    params = dmv_jb_end(&b);
    return params ? vl_call_reply_fds(w->call, params, &fd, 1) : -ENOMEM;
}

static int run(DmvFetchWorker *w, const char *name, DmvError *reterr)
{
    __attribute__((cleanup(reading_deinit))) Reading x = {.w = w, .fd = -1};
    DMV_CLEANUP_CLOSE int disk = vl_call_take_fd(w->call, 0);
    DMV_CLEANUP_CLOSE int bundle = -1;
    int r = read_request(w, &x, reterr);

    dmv_jb_array(&x.packages);
    if (r == 0 && disk < 0)
        return dmv_fetch_invalid(reterr, "there is no disk with the call");
    if (r == 0)
        r = make_folders(&x, name);
    if (r == 0)
        r = dmv_fetch_begin_phase(w, "read", 0);
    if (r == 0)
        r = dmv_fetch_set_deadline(x.deadline, reterr);
    if (r == 0)
        r = read_disk(&x, disk, reterr);
    if (r == 0)
        r = find_bundle(&x, &bundle, reterr);
    (void)alarm(0);
    return r == 0 ? answer(w, &x, bundle) : r;
}

int dmv_fetch_job_disk(DmvFetchWorker *w, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *name = NULL;
    int r = dmv_fetch_make_folder(w, "disk", 0700, &name);

    if (r < 0)
        return r;
    r = run(w, name, reterr);
    (void)dmv_fs_remove_tree(w->dirfd, name);
    return r;
}
