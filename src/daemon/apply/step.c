/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One step of a plan as it reaches the worker, and the rules for what the worker does at all.
 *
 * The rules look at text, because the folders on the way are opened without following links anyway: what the
 * text says is where the change happens.
 */
#include "daemon/apply/step.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "host/fs.h"

/* Longest target of a link and text of a file. */
#define TARGET_MAX 1024
#define CONTENT_MAX ((size_t)1024 * 1024)

static const char *const trees[] = {"updates", "override", "extra"};

/* Where a path of a step lies. */
typedef enum Place { PLACE_NOWHERE, PLACE_TREE, PLACE_FIRMWARE, PLACE_CONF, PLACE_CONF_FOLDER } Place;

DmvStepKind dmv_apply_step_kind(const char *name)
{
    for (int i = 0; i < DMV_STEP_MAX; i++)
        if (dmv_streq(name, dmv_step_kind_to_string((DmvStepKind)i)))
            return (DmvStepKind)i;
    return DMV_STEP_INVALID;
}

/* What follows @folder and a slash in @path, NULL if @path does not lie below @folder. */
static const char *below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] ? path + n + 1 : NULL;
}

static bool is_or_below(const char *path, const char *folder)
{
    return dmv_streq(path, folder) || below(path, folder);
}

/* Splits "<modules>/<kver>/<rest>"; false if @path is not like that. */
static bool split_kernel_path(const DmvRoots *r, const char *path, char **ret_kernel, const char **ret_rest)
{
    const char *kernel = below(path, r->modules);
    const char *slash = kernel ? strchr(kernel, '/') : NULL;

    if (!slash || !slash[1])
        return false;
    *ret_kernel = strndup(kernel, (size_t)(slash - kernel));
    *ret_rest = slash + 1;
    return *ret_kernel && dmv_kernel_name_is_valid(*ret_kernel);
}

int dmv_apply_path_kernel(const DmvRoots *r, const char *path, char **ret)
{
    DMV_CLEANUP_FREE char *kernel = NULL;
    const char *rest;

    if (split_kernel_path(r, path, &kernel, &rest))
        *ret = DMV_TAKE_PTR(kernel);
    return 0;
}

static bool lies_in_tree(const char *rest)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(trees); i++)
        if (is_or_below(rest, trees[i]))
            return true;
    return false;
}

static Place find_place(const DmvRoots *r, const char *path, char **ret_kernel)
{
    const char *rest;

    if (!dmv_relative_path_is_valid(path))
        return PLACE_NOWHERE;
    if (dmv_streq(path, DMV_DEPMOD_CONF))
        return PLACE_CONF;
    if (dmv_streq(path, DMV_DEPMOD_DIR))
        return PLACE_CONF_FOLDER;
    if (is_or_below(path, DMV_FIRMWARE_DIR))
        return PLACE_FIRMWARE;
    if (split_kernel_path(r, path, ret_kernel, &rest) && lies_in_tree(rest))
        return PLACE_TREE;
    return PLACE_NOWHERE;
}

/* Is this the folder itself that all the others lie in? Links go below it, never in its place. */
static bool is_top(const DmvRoots *r, const char *path, Place place)
{
    DMV_CLEANUP_FREE char *kernel = NULL;
    const char *rest;

    if (place == PLACE_FIRMWARE)
        return dmv_streq(path, DMV_FIRMWARE_DIR);
    return place == PLACE_TREE && split_kernel_path(r, path, &kernel, &rest) && !strchr(rest, '/');
}

static bool kind_fits(const DmvRoots *r, const DmvStep *s, Place place)
{
    bool linkable = (place == PLACE_TREE || place == PLACE_FIRMWARE) && !is_top(r, s->path, place);

    switch (s->kind) {
    case DMV_STEP_MKDIR:
        return place == PLACE_TREE || place == PLACE_FIRMWARE || place == PLACE_CONF_FOLDER;
    case DMV_STEP_LINK:
    case DMV_STEP_UNLINK:
        return linkable;
    case DMV_STEP_WRITE:
        return place == PLACE_CONF;
    case DMV_STEP_REMOVE:
        return place == PLACE_CONF || place == PLACE_TREE || place == PLACE_FIRMWARE;
    case DMV_STEP_DEPMOD:
    case DMV_STEP_INITRD:
    case DMV_STEP_MAX:
    case DMV_STEP_INVALID:
    default:
        return false;
    }
}

int dmv_apply_link_resolve(const char *path, const char *target, char **ret)
{
    const char *slash = strrchr(path, '/');
    DMV_CLEANUP(dmv_text_deinit) DmvText out = {0};

    if (!target[0] || target[0] == '/')
        return -EINVAL;
    if (slash)
        dmv_text_append_bytes(&out, path, (size_t)(slash - path));
    while (*target) {
        size_t n = strcspn(target, "/");

        if (n == 2 && strncmp(target, "..", 2) == 0) {
            char *last;

            if (out.size == 0)
                return -EINVAL;
            last = strrchr(out.data, '/');
            out.size = last ? (size_t)(last - out.data) : 0;
            out.data[out.size] = '\0';
        } else if (n > 0 && !(n == 1 && target[0] == '.')) {
            if (out.size > 0)
                dmv_text_append(&out, "/");
            dmv_text_append_bytes(&out, target, n);
        }
        if (out.error < 0)
            return out.error;
        target += n + (target[n] == '/');
    }
    if (out.size == 0)
        return -EINVAL;
    return dmv_text_take(&out, ret, NULL);
}

bool dmv_apply_is_in_release(const DmvRoots *r, const char *path)
{
    DMV_CLEANUP_FREE char *kernel = NULL;
    const char *rest;

    return dmv_relative_path_is_valid(path) &&
           (below(path, DMV_STORE_DIR) ||
            (split_kernel_path(r, path, &kernel, &rest) && dmv_roots_lies_in_variant(rest)));
}

int dmv_apply_leads_to_release(const DmvRoots *r, const char *path)
{
    DMV_CLEANUP_FREE char *leads_to = NULL;
    bool exists;
    int result = dmv_fs_resolve(r->fd, path, &leads_to, &exists);

    return result == -ENOMEM ? result : result == 0 && dmv_apply_is_in_release(r, leads_to);
}

static int check_target(const DmvRoots *r, const DmvStep *s, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *resolved = NULL;
    int result = -EINVAL;

    if (s->content && strlen(s->content) <= TARGET_MAX)
        result = dmv_apply_link_resolve(s->path, s->content, &resolved);
    if (result == -ENOMEM)
        return result;
    if (result == 0 && dmv_apply_is_in_release(r, resolved))
        return 0;
    return dmv_error_set(reterr, DMV_INVALID_REQUEST, "link refused", NULL,
                         "the link %s would lead neither into the store nor to an installed variant",
                         s->path);
}

static int check_kernel(const DmvRoots *r, const char *kernel, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;

    if (!dmv_kernel_name_is_valid(kernel))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "step refused", NULL, "not a kernel release");
    folder = dmv_roots_kernel_path(r, kernel, NULL);
    if (!folder)
        return -ENOMEM;
    fd = dmv_fs_open_nolinks(r->fd, folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return dmv_error_set(reterr, DMV_NO_SUCH_KERNEL, "step refused", "dmvctl rescan looks again",
                             "the folder %s cannot be opened: %s", folder, strerror(-fd));
    return 0;
}

static int check_modules(const DmvStep *s, DmvError *reterr)
{
    if (!s->modules)
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "step refused", NULL, "no modules for the initrd");
    for (char **m = s->modules; *m; m++)
        if (!dmv_name_is_valid(*m))
            return dmv_error_set(reterr, DMV_INVALID_REQUEST, "step refused", NULL, "not a name of a module");
    return 0;
}

int dmv_apply_step_check(const DmvRoots *r, const DmvStep *s, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *kernel = NULL;
    Place place;
    int result;

    if (s->kind == DMV_STEP_DEPMOD || s->kind == DMV_STEP_INITRD) {
        result = check_kernel(r, s->kernel, reterr);
        return result == 0 && s->kind == DMV_STEP_INITRD ? check_modules(s, reterr) : result;
    }
    place = s->path ? find_place(r, s->path, &kernel) : PLACE_NOWHERE;
    if (!kind_fits(r, s, place)) {
        DMV_CLEANUP_FREE char *shown = dmv_sanitize(s->path ? s->path : "");
        const char *kind = dmv_step_kind_to_string(s->kind);

        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "step refused", NULL, "%s of '%s' is not allowed",
                             kind ? kind : "this", shown ? shown : "");
    }
    if (place == PLACE_TREE) {
        result = check_kernel(r, kernel, reterr);
        if (result != 0)
            return result;
    }
    if (s->kind == DMV_STEP_LINK)
        return check_target(r, s, reterr);
    if (s->kind == DMV_STEP_WRITE && (!s->content || strlen(s->content) > CONTENT_MAX))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "step refused", NULL,
                             "no text, or too much, for %s", s->path);
    return 0;
}
