/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an apply worker that died has left, by its names. See leftovers.h. */
#include "daemon/shared/leftovers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"
#include "host/initrd-build.h"
#include "host/shadow.h"

typedef bool (*IsLeft)(const char *name);

static bool is_half_release(const char *name)
{
    return dmv_starts_with(name, DMV_STORE_STAGING) || dmv_starts_with(name, DMV_STORE_REMOVED);
}

static bool is_kept_image(const char *name)
{
    return dmv_ends_with(name, DMV_PREVIOUS_KEPT);
}

static bool holds(const DmvRoots *r, const char *folder, IsLeft is_left)
{
    DmvFsEntry *entries = NULL;
    bool found = false;
    size_t n = 0;

    if (dmv_fs_list_unsorted(r->fd, folder, &entries, &n) < 0)
        return false;
    for (size_t i = 0; !found && i < n; i++)
        found = is_left(entries[i].name);
    dmv_fs_entries_free(entries, n);
    return found;
}

static bool is_there(const DmvRoots *r, const char *path)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(r->fd, path, O_PATH | O_NOFOLLOW, 0);

    return fd >= 0;
}

static bool an_index_is_kept(const DmvRoots *r)
{
    DMV_CLEANUP_STRV char **kernels = NULL;
    bool found = false;

    if (dmv_fs_list_folders(r->fd, r->modules, &kernels) < 0)
        return false;
    for (char **k = kernels; !found && k && *k; k++) {
        DMV_CLEANUP_FREE char *kept = dmv_roots_kernel_path(r, *k, DMV_KEEP_DIR);

        found = kept && is_there(r, kept);
    }
    return found;
}

static bool a_kernel_is_kept(const DmvRoots *r)
{
    DMV_CLEANUP_FREE char *kept = dmv_roots_kernel_path(r, DMV_EXCHANGE_DIR, NULL);

    return kept && is_there(r, kept);
}

static bool is_locked(const DmvRoots *r)
{
    DMV_CLEANUP_CLOSE int fd = dmv_fs_open(r->fd, DMV_LOCK_PATH, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

bool dmv_leftovers_exist(const DmvRoots *r)
{
    bool found = holds(r, DMV_STORE_DIR, is_half_release) || an_index_is_kept(r) || a_kernel_is_kept(r) ||
                 holds(r, "boot", is_kept_image) || is_there(r, DMV_INITRD_BUILD_DIR) ||
                 is_there(r, DMV_JOURNAL_NEXT) || dmv_shadow_is_left(r, NULL);

    return found && !is_locked(r);
}
