/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FetchCatalog: the bundle as a descriptor. It is not looked into here: the daemon verifies it before anybody
 * parses it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "host/fs.h"
#include "source.h"

static int reply(DmvFetchWorker *w, const char *path, const char *sha256, bool unchanged)
{
    DMV_CLEANUP_JSON json_object *params = json_object_new_object();
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    r = dmv_json_add_string(params, "sha256", sha256);
    if (r == 0)
        r = dmv_json_add_bool(params, "unchanged", unchanged);
    if (r < 0)
        return r;
    if (unchanged)
        return vl_call_reply(w->call, DMV_TAKE_PTR(params));
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return vl_call_reply_fds(w->call, DMV_TAKE_PTR(params), &fd, 1);
}

static int fetch(DmvFetchWorker *w, const char *name, DmvError *reterr)
{
    __attribute__((cleanup(dmv_fetch_source_deinit))) DmvFetchSource source = {0};
    DMV_CLEANUP_FREE char *path = NULL;
    json_object *from = NULL;
    const char *known = NULL;
    const DmvJsonField fields[] = {
        {"source", DMV_JSON_OBJECT, DMV_JSON_REQUIRED, &from},
        {"knownSha256", DMV_JSON_STRING, 0, &known},
    };
    char sha256[DMV_SHA256_HEX];
    bool unchanged = false;
    int r;

    r = dmv_json_read(w->params, "parameters", fields, DMV_N_ELEMENTS(fields), false, reterr);
    if (r > 0 || (r == 0 && known && !dmv_is_hex(known, DMV_SHA256_HEX - 1)))
        return dmv_fetch_invalid(reterr, "knownSha256 is no hash");
    if (r == 0)
        r = dmv_fetch_source_read(w, from, name, &source, reterr);
    if (r == 0)
        r = dmv_repo_fetch_catalog(&source.options, known, &path, sha256, &unchanged, reterr);
    return r == 0 ? reply(w, path, sha256, unchanged) : r;
}

int dmv_fetch_job_catalog(DmvFetchWorker *w, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *name = NULL;
    int r = dmv_fetch_make_folder(w, "catalog", 0700, &name);

    if (r < 0)
        return r;
    r = fetch(w, name, reterr);
    (void)dmv_fs_remove_tree(w->dirfd,
                             name); /* the descriptor is enough; what stays goes with the private folder */
    return r;
}
