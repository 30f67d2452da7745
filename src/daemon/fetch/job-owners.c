/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * FindOwners: the packages that own files, by a private copy of the root's RPM database.
 *
 * librpm is not made for databases that somebody damaged on purpose: it may never come back. So the process
 * has an alarm, which ends it; the daemon goes on without the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonbuild.h"
#include "base/text.h"
#include "host/fs.h"
#include "host/rpmdb.h"
#include "source.h"
#include "trust/package/owners.h"

#define SECONDS_MAX 20

static json_object *render_packages(const DmvOwners *o)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < o->n_packages; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_string(&b, "name", o->packages[i].name);
        dmv_jb_string(&b, "nevra", o->packages[i].nevra);
        dmv_jb_bool(&b, "verified", o->packages[i].verified);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static json_object *render_pairs(const DmvOwners *o)
{
    DmvJsonBuilder list = {0};

    dmv_jb_array(&list);
    for (size_t i = 0; i < o->n_pairs; i++) {
        DmvJsonBuilder b = {0};

        dmv_jb_object(&b);
        dmv_jb_int(&b, "path", (int64_t)o->pairs[i].path);
        dmv_jb_int(&b, "package", (int64_t)o->pairs[i].package);
        dmv_jb_add(&list, dmv_jb_end(&b));
    }
    return dmv_jb_end(&list);
}

static int reply(DmvFetchWorker *w, const DmvOwners *o)
{
    DmvJsonBuilder b = {0};
    json_object *params;

    dmv_jb_object(&b);
    dmv_jb_value(&b, "packages", render_packages(o));
    dmv_jb_value(&b, "owners", render_pairs(o));
    dmv_jb_string(&b, "problem", o->problem);
    params = dmv_jb_end(&b);
    return params ? vl_call_reply(w->call, params) : -ENOMEM;
}

static int read_paths(json_object *params, char ***ret, DmvError *reterr)
{
    const DmvJsonField fields[] = {{"paths", DMV_JSON_STRV, DMV_JSON_REQUIRED, ret}};
    int r = dmv_json_read(params, "parameters", fields, DMV_N_ELEMENTS(fields), false, reterr);

    if (r > 0 || (r == 0 && dmv_strv_length(*ret) > DMV_OWNERS_PATHS_MAX))
        return dmv_fetch_invalid(reterr, "paths are not 0 to 4096 strings");
    for (char **p = *ret; r == 0 && p && *p; p++)
        if (!dmv_relative_path_is_valid(*p))
            return dmv_fetch_invalid(reterr, "a path is not relative to the root");
    return r;
}

static int find(DmvFetchWorker *w, const char *name, char *const *paths, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int from = vl_call_take_fd(w->call, 0);
    DMV_CLEANUP_CLOSE int to = openat(w->dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    __attribute__((cleanup(dmv_owners_deinit))) DmvOwners owners = {0};
    DMV_CLEANUP_FREE char *copy = NULL;
    const char *backend = NULL;
    int r;

    if (from < 0)
        return dmv_fetch_invalid(reterr, "there is no folder with the call");
    if (to < 0)
        return -errno;
    if (asprintf(&copy, "%s/%s", w->folder, name) < 0)
        return copy = NULL, -ENOMEM;
    r = dmv_rpmdb_copy(from, to, &backend, reterr);
    if (r == 0)
        r = dmv_owners_find(copy, backend, paths, &owners, reterr);
    return r == 0 ? reply(w, &owners) : r;
}

int dmv_fetch_job_owners(DmvFetchWorker *w, DmvError *reterr)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    DMV_CLEANUP_FREE char *name = NULL;
    int r = read_paths(w->params, &paths, reterr);

    if (r == 0)
        r = dmv_fetch_make_folder(w, "owners", 0700, &name);
    if (r != 0)
        return r;
    (void)alarm(SECONDS_MAX);
    r = find(w, name, paths, reterr);
    (void)alarm(0);
    (void)dmv_fs_remove_tree(w->dirfd, name);
    return r;
}
