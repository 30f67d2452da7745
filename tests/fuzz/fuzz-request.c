/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon asks of the apply worker, as one may who has taken the daemon over: parameters become the
 * worker's own structs or are refused with a reason, and a step that it would do writes in the trees, the
 * firmware's folder or depmod's configuration and links to variants only.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "daemon/apply/request.h"
#include "daemon/apply/step.h"
#include "fuzz.h"

/* A root in which usr/bin is the folder of a kernel: it is there wherever this runs. */
static char modules[] = "usr";

static bool lies_below(const char *path, const char *const *folders)
{
    for (; *folders; folders++)
        if (dmv_starts_with(path, *folders) && path[strlen(*folders)] == '/')
            return true;
    return false;
}

static bool names_folder_of_kernel(const char *path, const char *const *folders)
{
    const char *kernel = dmv_starts_with(path, "usr/") ? path + 4 : NULL, *rest = kernel;

    rest = rest ? strchr(rest, '/') : NULL;
    return rest && lies_below(rest + 1, folders);
}

static void check_link(const DmvStep *s)
{
    static const char *const trees[] = {"updates", "override", "extra", NULL};
    static const char *const variants[] = {"dmv", "xenserver", NULL};
    static const char *const firmware[] = {DMV_FIRMWARE_DIR, NULL}, *const store[] = {DMV_STORE_DIR, NULL};
    DMV_CLEANUP_FREE char *target = NULL;

    must(dmv_relative_path_is_valid(s->path));
    must(names_folder_of_kernel(s->path, trees) || lies_below(s->path, firmware));
    if (s->kind == DMV_STEP_UNLINK)
        return;
    must(dmv_apply_link_resolve(s->path, s->content, &target) == 0 && dmv_relative_path_is_valid(target));
    must(lies_below(target, store) || names_folder_of_kernel(target, variants));
}

static void check_step(const DmvStep *s)
{
    static const DmvRoots none = {.root = modules, .modules = modules, .fd = -1};
    DmvRoots roots = none;
    DMV_CLEANUP_CLOSE int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r;

    roots.fd = fd;
    r = dmv_apply_step_check(&roots, s, &e);
    must(r >= 0 && (r == 0 || e.why != NULL));
    if (r == 0 && (s->kind == DMV_STEP_LINK || s->kind == DMV_STEP_UNLINK))
        check_link(s);
    if (r == 0 && s->kind == DMV_STEP_WRITE)
        must(dmv_streq(s->path, DMV_DEPMOD_CONF));
}

static void check(int r, const DmvError *e)
{
    must(r >= 0 && (r == 0 || e->why != NULL));
}

static void try_publish(json_object *o)
{
    DmvPublishRequest q = {0}, release = {0};
    DMV_CLEANUP_ERROR DmvError e = {0}, error = {0};

    check(dmv_request_read_publish(o, &q, &e), &e);
    check(dmv_request_read_release(o, &release, &error), &error);
    dmv_publish_request_deinit(&q);
    dmv_publish_request_deinit(&release);
}

static void try_apply(json_object *o, int (*read)(json_object *, DmvApplyRequest *, DmvError *))
{
    DmvApplyRequest q = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = read(o, &q, &e);

    check(r, &e);
    for (size_t i = 0; r == 0 && i < q.n_steps; i++)
        check_step(&q.steps[i]);
    dmv_apply_request_deinit(&q);
}

static void try_inspect(json_object *o)
{
    DmvInspectRequest q = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    check(dmv_request_read_inspect(o, &q, &e), &e);
    dmv_inspect_request_deinit(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DmvJsonLimits limits = {
        .size = 1 << 20, .depth = 12, .nodes = 100000, .plain_integers = true};
    DMV_CLEANUP_JSON json_object *o = NULL;

    if (dmv_json_parse((const char *)data, size, &limits, &o, NULL) != 0 ||
        json_object_get_type(o) != json_type_object)
        return 0;
    try_publish(o);
    try_apply(o, dmv_request_read_apply);
    try_apply(o, dmv_request_read_forecast);
    try_inspect(o);
    return 0;
}
