/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* releases/D@V@X.json. See sidecar.h. */
#include "cli/publish/sidecar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"

void dmv_release_name_deinit(DmvReleaseName *n)
{
    free(n->driver);
    free(n->variant);
    free(n->version);
    *n = (DmvReleaseName){0};
}

int dmv_release_name_parse(const char *text, DmvReleaseName *ret, DmvError *reterr)
{
    const char *slash = strchr(text, '/'), *at = slash ? strchr(slash, '@') : NULL;

    if (!at)
        return dmv_error_set(reterr, DMV_INVALID_NAME, "cannot tell which release is meant",
                             "write it as driver/variant@version", "\"%s\" is no name of a release", text);
    ret->driver = strndup(text, (size_t)(slash - text));
    ret->variant = strndup(slash + 1, (size_t)(at - slash - 1));
    ret->version = strdup(at + 1);
    if (!ret->driver || !ret->variant || !ret->version)
        return -ENOMEM;
    if (!dmv_name_is_valid(ret->driver) || !dmv_name_is_valid(ret->variant) ||
        !dmv_name_is_valid(ret->version))
        return dmv_error_set(reterr, DMV_INVALID_NAME, "cannot tell which release is meant",
                             "names are 1 to 64 of A-Z a-z 0-9 _ . + ~ - and start with a letter or a digit",
                             "\"%s\" has a part that is no name", text);
    return 0;
}

char *dmv_sidecar_path(const DmvReleaseName *n)
{
    char *path = NULL;

    if (asprintf(&path, DMV_PUBLISH_RELEASES "/%s@%s@%s.json", n->driver, n->variant, n->version) < 0)
        return NULL;
    return path;
}

int dmv_sidecar_name(json_object *release, DmvReleaseName *ret, DmvError *reterr)
{
    const DmvJsonField fields[] = {
        {"driver", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->driver},
        {"variant", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->variant},
        {"version", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &ret->version},
    };
    int r = dmv_json_read(release, "the release", fields, DMV_N_ELEMENTS(fields), true, reterr);

    if (r == 0 && (!dmv_name_is_valid(ret->driver) || !dmv_name_is_valid(ret->variant) ||
                   !dmv_name_is_valid(ret->version)))
        r = dmv_error_set(reterr, DMV_MALFORMED, "cannot read a release", NULL,
                          "driver, variant or version is no name");
    return r;
}

/* Whatever a person did to a file by hand: it still has to be about the release that it is named after. */
static int check_name(const DmvPublisher *p, const char *path, json_object *release, DmvError *reterr)
{
    DMV_CLEANUP_RELEASE_NAME DmvReleaseName n = {0};
    DMV_CLEANUP_FREE char *right = NULL;
    int r = dmv_sidecar_name(release, &n, reterr);

    if (r == 0 && !(right = dmv_sidecar_path(&n)))
        r = -ENOMEM;
    if (r == 0 && strcmp(path, right) != 0)
        r = dmv_error_set(reterr, DMV_MALFORMED, NULL, NULL, "it says what belongs into %s", right);
    if (r > 0)
        dmv_error_set_what(reterr, "cannot use %s/%s", p->path, path);
    return r;
}

int dmv_sidecar_read(const DmvPublisher *p, const DmvReleaseName *n, json_object **ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = dmv_sidecar_path(n);
    int r = path ? dmv_publisher_read_json(p, path, ret, reterr) : -ENOMEM;

    if (r == DMV_NO_SUCH_OBJECT)
        return dmv_error_set(reterr, DMV_NO_SUCH_RELEASE, "cannot find the release",
                             "dmv-publish show DIR lists them", "%s/%s@%s was not released here", n->driver,
                             n->variant, n->version);
    return r;
}

int dmv_sidecar_write(const DmvPublisher *p, const DmvReleaseName *n, json_object *release, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = dmv_sidecar_path(n);

    return path ? dmv_publisher_write_json(p, path, release, reterr) : -ENOMEM;
}

static int read_one(const DmvPublisher *p, const char *name, json_object *all, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_JSON json_object *o = NULL;
    int r;

    if (asprintf(&path, DMV_PUBLISH_RELEASES "/%s", name) < 0)
        return -ENOMEM;
    r = dmv_publisher_read_json(p, path, &o, reterr);
    if (r == 0)
        r = check_name(p, path, o, reterr);
    if (r == 0 && json_object_array_add(all, DMV_TAKE_PTR(o)) < 0)
        r = -ENOMEM;
    return r;
}

int dmv_sidecar_read_all(const DmvPublisher *p, json_object **ret, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *all = json_object_new_array();
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = all ? dmv_fs_list(p->fd, DMV_PUBLISH_RELEASES, &entries, &n) : -ENOMEM;

    if (r < 0 && r != -ENOENT)
        return dmv_error_set(reterr, r, "cannot read the releases", NULL, "%s", strerror(-r));
    r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        if (dmv_ends_with(entries[i].name, ".json"))
            r = read_one(p, entries[i].name, all, reterr);
    dmv_fs_entries_free(entries, n);
    if (r == 0)
        *ret = DMV_TAKE_PTR(all);
    return r;
}

const char *dmv_sidecar_string(json_object *release, const char *key)
{
    json_object *v = NULL;

    if (!json_object_object_get_ex(release, key, &v) || !json_object_is_type(v, json_type_string))
        return NULL;
    return json_object_get_string(v);
}

int64_t dmv_sidecar_int(json_object *release, const char *key, int64_t otherwise)
{
    json_object *v = NULL;

    if (!json_object_object_get_ex(release, key, &v) || !json_object_is_type(v, json_type_int))
        return otherwise;
    return json_object_get_int64(v);
}

json_object *dmv_sidecar_package(json_object *release, const char *kernel, size_t *ret_index)
{
    json_object *packages = NULL;

    if (!json_object_object_get_ex(release, "packages", &packages) ||
        !json_object_is_type(packages, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(packages); i++) {
        json_object *package = json_object_array_get_idx(packages, i);

        if (dmv_streq(dmv_sidecar_string(package, "kernel"), kernel)) {
            if (ret_index)
                *ret_index = i;
            return package;
        }
    }
    return NULL;
}
