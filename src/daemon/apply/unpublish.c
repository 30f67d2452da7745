/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Out of the store, and what a process that died has left in it.
 *
 * A release leaves as it came, with one rename; deleting its files takes time and may be interrupted. Whether
 * it is used is the daemon's knowledge, and is still looked up here: a link that leads nowhere makes depmod
 * index another file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/failure.h"
#include "daemon/apply/image.h"
#include "daemon/apply/publish.h"
#include "daemon/apply/step.h"
#include "daemon/apply/store.h"
#include "host/fs.h"

/* Folders below a tree. */
#define DEPTH_MAX 16

static int find_user(const DmvRoots *r, const char *tree, const char *folder, unsigned depth, char **ret)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int result = depth == 0 ? 0 : dmv_fs_list(r->fd, tree, &entries, &n);

    for (size_t i = 0; result == 0 && !*ret && i < n; i++) {
        DMV_CLEANUP_FREE char *path = NULL, *target = NULL, *resolved = NULL;

        if (asprintf(&path, "%s/%s", tree, entries[i].name) < 0) {
            path = NULL;
            result = -ENOMEM;
        } else if (entries[i].kind == DMV_FS_FOLDER) {
            result = find_user(r, path, folder, depth - 1, ret);
        } else if (entries[i].kind == DMV_FS_LINK && dmv_fs_read_link(r->fd, path, &target) == 0 &&
                   dmv_apply_link_resolve(path, target, &resolved) == 0 &&
                   dmv_starts_with(resolved, folder) && resolved[strlen(folder)] == '/') {
            *ret = DMV_TAKE_PTR(path);
        }
    }
    dmv_fs_entries_free(entries, n);
    return result == -ENOENT || result == -ENOTDIR ? 0 : result;
}

static int find_user_of_kernel(const DmvRoots *r, const char *kernel, const char *folder, char **ret)
{
    static const char *const trees[] = {"updates", "override", "extra", NULL};
    int result = 0;

    for (size_t i = 0; result == 0 && !*ret && i < DMV_N_ELEMENTS(trees); i++) {
        DMV_CLEANUP_FREE char *tree = NULL;

        if (trees[i])
            tree = dmv_roots_kernel_path(r, kernel, trees[i]);
        else if (asprintf(&tree, "%s/%s", DMV_FIRMWARE_DIR, kernel) < 0)
            tree = NULL;
        result = tree ? find_user(r, tree, folder, DEPTH_MAX, ret) : -ENOMEM;
    }
    return result;
}

/* A link of any kernel that leads into the folder, also of one that the release was not built for: removing
 * it would leave an index with a module that is gone. */
static int check_unused(const DmvRoots *r, const char *folder, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *user = NULL;
    DMV_CLEANUP_STRV char **kernels = NULL;
    int result = dmv_fs_list_folders(r->fd, r->modules, &kernels);

    for (char **k = kernels; result == 0 && !user && k && *k; k++)
        result = find_user_of_kernel(r, *k, folder, &user);
    if (result < 0)
        return dmv_failure(reterr, result, "look for links into", folder);
    if (!user)
        return 0;
    return dmv_error_set(reterr, DMV_IN_USE, NULL, "deselect it first", "%s leads into it", user);
}

static int unpublish(const DmvRoots *r, const char *folder, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *hidden = NULL, *parent = strndup(folder, (size_t)(strrchr(folder, '/') - folder));
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open_nolinks(r->fd, folder, O_PATH | O_DIRECTORY, 0);
    DMV_CLEANUP_CLOSE int above = dmv_store_open_above(r);
    int result;

    if (!parent)
        return -ENOMEM;
    if (fd == -ENOENT)
        return dmv_error_set(reterr, DMV_NOT_INSTALLED, NULL, "dmvctl list --installed shows what is",
                             "%s is not there", folder);
    if (fd < 0 || above < 0)
        return dmv_failure(reterr, fd < 0 ? fd : above, "open", folder);
    result = check_unused(r, folder, reterr);
    if (result == 0)
        result = dmv_store_hidden_name(DMV_STORE_REMOVED, &hidden);
    if (result != 0)
        return result;
    result = dmv_fs_rename(above, dmv_store_below(folder), dmv_store_below(hidden), true);
    if (result < 0)
        return dmv_failure(reterr, result, "remove", folder);
    /* The release has gone. What is hidden goes last: as long as it is there, a recovery cleans up. */
    result = dmv_fs_remove_empty_dirs(above, dmv_store_below(parent), dmv_store_below(DMV_STORE_DIR));
    if (result == 0)
        result = dmv_fs_remove_tree(r->fd, hidden);
    if (result < 0)
        (void)sd_journal_print(LOG_WARNING, "%s is left to the next recovery: %s", hidden, strerror(-result));
    return 0;
}

int dmv_unpublish(const DmvRoots *r, const char *driver, const char *variant, const char *version,
                  const char *kernel, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *folder = NULL;
    int result = dmv_store_check_names(driver, variant, version, kernel, reterr);

    if (result != 0)
        return result;
    folder = dmv_store_folder(driver, variant, version, kernel);
    result = folder ? unpublish(r, folder, reterr) : -ENOMEM;
    if (result != 0)
        (void)dmv_error_set_what(reterr, "%s/%s@%s for kernel %s cannot be removed", driver, variant, version,
                                 kernel);
    return result;
}

/* ---- after a crash ---- */

/* Folders of a kernel, a driver, a variant that were made for a release which never came. */
static int remove_empty(const DmvRoots *r, const char *path, unsigned depth, bool *found)
{
    DMV_CLEANUP_CLOSE int parent = -1;
    DmvFsEntry *entries = NULL;
    const char *name;
    size_t n = 0;
    int result = dmv_fs_list(r->fd, path, &entries, &n);

    for (size_t i = 0; result == 0 && depth > 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *child = NULL;

        if (entries[i].kind != DMV_FS_FOLDER)
            continue;
        if (asprintf(&child, "%s/%s", path, entries[i].name) < 0) {
            child = NULL;
            result = -ENOMEM;
        } else {
            result = remove_empty(r, child, depth - 1, found);
        }
    }
    dmv_fs_entries_free(entries, n);
    if (result < 0 || dmv_streq(path, DMV_STORE_DIR))
        return result;
    parent = dmv_image_open_parent(r->fd, path, &name);
    if (parent < 0)
        return parent;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
        *found = true;
    else if (errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    return 0;
}

int dmv_publish_clean(const DmvRoots *r, bool *ret_found)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int result = dmv_fs_list(r->fd, DMV_STORE_DIR, &entries, &n);

    *ret_found = false;
    for (size_t i = 0; result == 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *path = NULL;

        if (!dmv_starts_with(entries[i].name, DMV_STORE_STAGING) &&
            !dmv_starts_with(entries[i].name, DMV_STORE_REMOVED))
            continue;
        *ret_found = true;
        if (asprintf(&path, "%s/%s", DMV_STORE_DIR, entries[i].name) < 0) {
            path = NULL;
            result = -ENOMEM;
        } else {
            result = dmv_fs_remove_tree(r->fd, path);
        }
    }
    dmv_fs_entries_free(entries, n);
    if (result == 0)
        result = remove_empty(r, DMV_STORE_DIR, 3, ret_found);
    return result == -ENOENT ? 0 : result;
}
