/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The publisher's folder. See publisher.h. */
#include "cli/publish/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"
#include "host/spawn.h"

#define SETTINGS_SPEC 1
#define FILE_MAX_SIZE ((size_t)66 << 20) /* a catalog of 48 MiB in its envelope */
#define RUN_TIMEOUT_USEC (600 * UINT64_C(1000000))

/* What init makes. */
static const char *const names[] = {DMV_PUBLISH_SETTINGS, DMV_PUBLISH_KEYS,     DMV_PUBLISH_TRUST,
                                    DMV_PUBLISH_ROOTS,    DMV_PUBLISH_RELEASES, DMV_PUBLISH_REPO};

static const DmvJsonLimits file_limits = {
    .size = FILE_MAX_SIZE, .depth = 16, .nodes = 8 << 20, .plain_integers = false};

void dmv_publisher_deinit(DmvPublisher *p)
{
    p->fd = dmv_close(p->fd);
    free(p->path);
    free(p->stream);
    free(p->scheme);
    free(p->gpg_key);
    free(p->module_signer);
    *p = (DmvPublisher)DMV_PUBLISHER_NULL;
}

char *dmv_publisher_path(const DmvPublisher *p, const char *relative)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", p->path, relative) < 0 ? NULL : path;
}

/* rpm expands '%' in what it is told, gpg and a spec file have their own ideas of quotes and blanks at line
 * ends. */
static int check_path(const char *path, DmvError *reterr)
{
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < ' ' || strchr("%\"'`$\\{}", *c))
            return dmv_error_set(
                reterr, DMV_INVALID_REQUEST, "cannot publish from this folder",
                "choose a folder whose path is made of plain characters",
                "its path \"%s\" has a character that the package tools would not take literally", path);
    return 0;
}

static int open_folder(const char *dir, DmvPublisher *p, DmvError *reterr)
{
    p->path = realpath(dir, NULL);
    if (p->path)
        p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!p->path || p->fd < 0)
        return dmv_error_set(reterr, -errno, "cannot open the publisher's folder", NULL, "%s: %s", dir,
                             strerror(errno));
    return check_path(p->path, reterr);
}

static int read_settings(DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    int64_t spec = 0;
    const DmvJsonField fields[] = {
        {"spec", DMV_JSON_INT, DMV_JSON_REQUIRED, &spec},
        {"stream", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &p->stream},
        {"scheme", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &p->scheme},
        {"catalog_days", DMV_JSON_INT, DMV_JSON_REQUIRED, &p->catalog_days},
        {"gpg_key", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &p->gpg_key},
        {"module_signer", DMV_JSON_STRDUP, DMV_JSON_REQUIRED | DMV_JSON_NON_EMPTY, &p->module_signer},
    };
    int r = dmv_publisher_read_json(p, DMV_PUBLISH_SETTINGS, &o, reterr);

    if (r == 0)
        r = dmv_json_read(o, DMV_PUBLISH_SETTINGS, fields, DMV_N_ELEMENTS(fields), true, reterr);
    if (r == 0 && spec != SETTINGS_SPEC)
        r = dmv_error_set(reterr, DMV_UNKNOWN_SPEC, "cannot use this publisher's folder",
                          "use a newer dmv-publish", "its settings are of format %lld, this program knows %d",
                          (long long)spec, SETTINGS_SPEC);
    return r;
}

int dmv_publisher_open(const char *dir, DmvPublisher *ret, DmvError *reterr)
{
    int r = open_folder(dir, ret, reterr);

    if (r != 0)
        return r;
    r = read_settings(ret, reterr);
    if (r == DMV_NO_SUCH_OBJECT)
        return dmv_error_set(reterr, r, "cannot use this folder", "make one with dmv-publish init DIR",
                             "%s is no publisher's folder: there is no " DMV_PUBLISH_SETTINGS " in it", dir);
    return r;
}

int dmv_publisher_create(const char *dir, DmvPublisher *ret, DmvError *reterr)
{
    int r;

    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return dmv_error_set(reterr, -errno, "cannot make the publisher's folder", NULL, "%s: %s", dir,
                             strerror(errno));
    r = open_folder(dir, ret, reterr);
    if (r != 0)
        return r;
    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++)
        if (faccessat(ret->fd, names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot make a stream here",
                                 "choose another folder, or rotate the keys with dmv-publish root",
                                 "%s/%s is there already, and nothing is ever overwritten", dir, names[i]);
    return 0;
}

void dmv_publisher_undo_create(const DmvPublisher *p)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++)
        (void)dmv_fs_remove_tree(p->fd, names[i]);
}

int dmv_publisher_save(const DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();

    if (!o || dmv_json_add_int(o, "spec", SETTINGS_SPEC) < 0 ||
        dmv_json_add_string(o, "stream", p->stream) < 0 || dmv_json_add_string(o, "scheme", p->scheme) < 0 ||
        dmv_json_add_int(o, "catalog_days", p->catalog_days) < 0 ||
        dmv_json_add_string(o, "gpg_key", p->gpg_key) < 0 ||
        dmv_json_add_string(o, "module_signer", p->module_signer) < 0)
        return -ENOMEM;
    return dmv_publisher_write_json(p, DMV_PUBLISH_SETTINGS, o, reterr);
}

int dmv_publisher_read_json(const DmvPublisher *p, const char *path, json_object **ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r = dmv_fs_read_file(p->fd, path, FILE_MAX_SIZE, &data, &size);

    if (r < 0)
        return dmv_error_set(reterr, r == -ENOENT ? DMV_NO_SUCH_OBJECT : r, "cannot read a file", NULL,
                             "%s/%s: %s", p->path, path, strerror(-r));
    r = dmv_json_parse(data, size, &file_limits, ret, reterr);
    if (r > 0)
        dmv_error_set_what(reterr, "cannot read %s/%s", p->path, path);
    return r;
}

int dmv_publisher_write(const DmvPublisher *p, const char *path, const void *data, size_t size, mode_t mode,
                        DmvError *reterr)
{
    const char *slash = strrchr(path, '/');
    int r = 0;

    if (slash) {
        DMV_CLEANUP_FREE char *folder = strndup(path, (size_t)(slash - path));

        r = folder ? dmv_fs_mkdirs(p->fd, folder, 0755) : -ENOMEM;
    }
    if (r == 0)
        r = dmv_fs_replace_file(p->fd, path, data, size, mode);
    if (r < 0)
        return dmv_error_set(reterr, r, "cannot write a file", NULL, "%s/%s: %s", p->path, path,
                             strerror(-r));
    return 0;
}

int dmv_publisher_write_json(const DmvPublisher *p, const char *path, json_object *o, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = dmv_json_format(o, &text, &size);

    if (r < 0)
        return dmv_error_set(reterr, r, "cannot write a file", NULL, "%s: %s", path, strerror(-r));
    return dmv_publisher_write(p, path, text, size, 0644, reterr);
}

int64_t dmv_publish_now(void)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t t = 0;

    if (epoch && dmv_parse_u64(epoch, INT32_MAX * UINT64_C(64), &t) == 0)
        return (int64_t)t;
    return (int64_t)time(NULL);
}

int dmv_publish_run(const char *what, const char *const argv[], DmvError *reterr)
{
    DmvSpawnResult result = {0};
    int r = dmv_spawn_wait(argv, RUN_TIMEOUT_USEC, &result);

    if (r == -ENOENT)
        dmv_error_set(reterr, r, what, "install the package that brings it", "there is no program %s",
                      argv[0]);
    else if (r < 0)
        dmv_error_set(reterr, r, what, NULL, "%s: %s", argv[0], strerror(-r));
    else if (result.timed_out)
        r = dmv_error_set(reterr, DMV_TOOL_FAILED, what, NULL, "%s did not end in time", argv[0]);
    else if (result.status != 0)
        r = dmv_error_set(reterr, DMV_TOOL_FAILED, what, NULL, "%s exited with %d: %s", argv[0],
                          result.status, result.output ? result.output : "");
    dmv_spawn_result_deinit(&result);
    return r;
}
