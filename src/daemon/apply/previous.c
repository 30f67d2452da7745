/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The initrd image that was there before.
 *
 * Two names, because undoing has to give back the older previous image too: it is replaced only when nothing
 * can be undone any more.
 */
#include "daemon/apply/previous.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/image.h"
#include "host/fs.h"
#include "host/initrd.h"

static int join(const char *name, const char *suffix, char **ret)
{
    if (asprintf(ret, "%s%s", name, suffix) >= 0)
        return 0;
    *ret = NULL;
    return -ENOMEM;
}

int dmv_previous_trial(int root, const char *path, char **ret, bool *ret_exists)
{
    DMV_CLEANUP_FREE char *trial = NULL;
    struct stat st;
    int r = join(path, DMV_TRIAL, &trial);

    if (r < 0)
        return r;
    *ret_exists = fstatat(root, trial, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!*ret_exists && errno != ENOENT)
        return -errno;
    *ret = DMV_TAKE_PTR(trial);
    return 0;
}

static int unlink_if_there(int folder, const char *name)
{
    return unlinkat(folder, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* Under a temporary name first: what is kept is whole. */
static int copy(int folder, const char *name, const char *kept)
{
    DMV_CLEANUP_CLOSE int in = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out = -1;
    char hex[DMV_SHA256_HEX];
    struct stat st;
    int r;

    if (in < 0 || fstat(in, &st) < 0)
        return -errno;
    out = openat(folder, DMV_IMAGE_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return -errno;
    r = dmv_fs_copy_hashed(in, out, DMV_INITRD_MAX, hex, NULL);
    if (r == 0 && fchmod(out, st.st_mode & 07777) < 0 && errno != EPERM) /* not every filesystem has modes */
        r = -errno;
    if (r == 0 && (futimens(out, (const struct timespec[]){st.st_atim, st.st_mtim}) < 0 || fsync(out) < 0 ||
                   renameat(folder, DMV_IMAGE_TEMPORARY, folder, kept) < 0))
        r = -errno;
    return r;
}

int dmv_previous_keep(int root, const char *path)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(root, path, &name);
    DMV_CLEANUP_FREE char *kept = NULL;
    int r = folder < 0 ? folder : join(name, DMV_PREVIOUS_KEPT, &kept);

    if (r == 0)
        r = unlink_if_there(folder, DMV_IMAGE_TEMPORARY);
    if (r == 0)
        r = unlink_if_there(folder, kept);
    if (r < 0)
        return r;
    if (linkat(folder, name, folder, kept, 0) < 0)
        r = errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK ? copy(folder, name, kept) : -errno;
    return r == 0 && fsync(folder) < 0 ? -errno : r;
}

/* rename(2) does nothing with two names of one file. */
static int put_back(int folder, const char *kept, const char *name, bool gone)
{
    struct stat then, now;

    if (fstatat(folder, kept, &then, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return -errno;
        if (gone)
            return unlink_if_there(folder, kept);
    } else if (now.st_ino == then.st_ino && now.st_dev == then.st_dev) {
        return unlink_if_there(folder, kept);
    }
    return renameat(folder, kept, folder, name) < 0 ? -errno : 0;
}

int dmv_previous_restore(int root, const char *path, bool gone, bool is_new)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(root, path, &name);
    DMV_CLEANUP_FREE char *kept = NULL;
    int r = folder < 0 ? folder : join(name, DMV_PREVIOUS_KEPT, &kept);

    if (r == -ENOENT) /* its folder has gone, with the kernel */
        return 0;
    if (r == 0)
        r = unlink_if_there(folder, DMV_IMAGE_TEMPORARY);
    if (r == 0)
        r = is_new ? unlink_if_there(folder, name) : put_back(folder, kept, name, gone);
    return r == 0 && fsync(folder) < 0 ? -errno : r;
}

/* A trial's image has no previous one. Return: 1 if something was kept, 0, or a negative errno. */
static int settle(int root, const char *path)
{
    const char *name;
    DMV_CLEANUP_CLOSE int folder = dmv_image_open_parent(root, path, &name);
    DMV_CLEANUP_FREE char *kept = NULL, *previous = NULL, *trial = NULL;
    int r = folder < 0 ? folder : join(name, DMV_PREVIOUS_KEPT, &kept);

    if (r == 0)
        r = join(name, DMV_PREVIOUS, &previous);
    if (r == 0)
        r = join(name, DMV_TRIAL DMV_PREVIOUS_KEPT, &trial);
    if (r == 0)
        r = unlink_if_there(folder, trial);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (renameat(folder, kept, folder, previous) < 0)
        return errno == ENOENT ? 0 : -errno;
    return fsync(folder) < 0 ? -errno : 1;
}

static int settle_kernel(const DmvRoots *r, const char *kernel, bool *ret_found)
{
    DMV_CLEANUP_STRV char **paths = NULL;
    int result = dmv_kernel_name_is_valid(kernel) ? dmv_initrd_find(r, kernel, &paths) : 0;

    for (char **p = paths; result == 0 && p && *p; p++) {
        DMV_CLEANUP_FREE char *place = NULL;
        bool exists = false;
        int settled = dmv_fs_resolve(r->fd, *p, &place, &exists);

        if (settled == 0 && exists)
            settled = settle(r->fd, place);
        *ret_found = *ret_found || settled > 0;
        result = settled < 0 ? settled : 0;
    }
    return result;
}

/* The name of the image that this lies beside, as a new string; NULL if it lies beside none (or no memory:
 * it is found again). */
static char *image_of(const char *name)
{
    static const char *const suffixes[] = {DMV_TRIAL DMV_PREVIOUS_KEPT, DMV_TRIAL, DMV_PREVIOUS};

    for (size_t i = 0; i < DMV_N_ELEMENTS(suffixes); i++)
        if (dmv_ends_with(name, suffixes[i]))
            return strndup(name, strlen(name) - strlen(suffixes[i]));
    return NULL;
}

/* Whoever removes a kernel knows nothing of what lies beside its image. */
static int forget_orphans(const DmvRoots *r, bool *ret_found)
{
    DMV_CLEANUP_CLOSE int boot = dmv_fs_open(r->fd, "boot", O_RDONLY | O_DIRECTORY, 0);
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int result = boot < 0 ? boot : dmv_fs_list(r->fd, "boot", &entries, &n);

    if (result < 0)
        return result == -ENOENT ? 0 : result;
    for (size_t i = 0; result == 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *name = entries[i].kind == DMV_FS_FILE ? image_of(entries[i].name) : NULL;
        struct stat st;

        if (name && fstatat(boot, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
            result = unlink_if_there(boot, entries[i].name);
            *ret_found = true;
        }
    }
    dmv_fs_entries_free(entries, n);
    return result;
}

int dmv_previous_clean(const DmvRoots *r, bool *ret_found)
{
    DMV_CLEANUP_STRV char **kernels = NULL;
    int result = dmv_fs_list_folders(r->fd, r->modules, &kernels);

    for (char **k = kernels; result == 0 && k && *k; k++)
        result = settle_kernel(r, *k, ret_found);
    return result == 0 ? forget_orphans(r, ret_found) : result;
}
