/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index of a kernel, kept aside while a transaction is not confirmed.
 *
 * Kept names are links where the filesystem has them and copies where it has not. Restoring makes another
 * link and renames that, so that the kept name stays until the journal is gone: a crash while restoring loses
 * nothing.
 */
#include "daemon/apply/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/apply/image.h"
#include "host/fs.h"

/* An index of a distribution kernel has 5 MiB in all. */
#define INDEX_FILE_MAX ((uint64_t)256 * 1024 * 1024)

/* Below DMV_KEEP_DIR. */
#define STAGED "new"

/* Come with the kernel; depmod only reads them. */
static const char *const of_the_kernel[] = {"modules.order", "modules.builtin", "modules.builtin.modinfo",
                                            "modules.builtin.ranges"};

static bool is_index_file(const DmvFsEntry *e)
{
    if (e->kind != DMV_FS_FILE || !dmv_starts_with(e->name, "modules."))
        return false;
    for (size_t i = 0; i < DMV_N_ELEMENTS(of_the_kernel); i++)
        if (dmv_streq(e->name, of_the_kernel[i]))
            return false;
    return dmv_name_is_valid(e->name);
}

int dmv_keep_list(int root, const char *folder, char ***ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list(root, folder, &entries, &n);

    for (size_t i = 0; r == 0 && i < n; i++)
        if (is_index_file(&entries[i]))
            r = dmv_strv_push(&names, entries[i].name);
    dmv_fs_entries_free(entries, n);
    if (r < 0)
        return r;
    *ret = DMV_TAKE_PTR(names);
    return 0;
}

static int open_folder(int root, const char *folder)
{
    return dmv_fs_open_nolinks(root, folder, O_RDONLY | O_DIRECTORY, 0);
}

static int copy(int from, const char *from_name, int to, const char *to_name, bool sync)
{
    DMV_CLEANUP_CLOSE int in = openat(from, from_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    DMV_CLEANUP_CLOSE int out = -1;
    char hex[DMV_SHA256_HEX];
    int r;

    if (in < 0)
        return -errno;
    out = openat(to, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (out < 0)
        return -errno;
    r = dmv_fs_copy_hashed(in, out, INDEX_FILE_MAX, hex, NULL);
    if (r == 0 && (fchmod(out, 0644) < 0 || (sync && fsync(out) < 0)))
        r = -errno;
    if (r < 0)
        (void)unlinkat(to, to_name, 0);
    return r;
}

int dmv_keep_copy(int from, const char *from_name, int to, const char *to_name)
{
    return copy(from, from_name, to, to_name, true);
}

/* Another name for a file, or a copy where the filesystem has no second names. */
static int duplicate(int from, const char *from_name, int to, const char *to_name)
{
    if (linkat(from, from_name, to, to_name, 0) == 0)
        return 0;
    if (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK || errno == EXDEV || errno == ENOSYS)
        return dmv_keep_copy(from, from_name, to, to_name);
    return -errno;
}

int dmv_keep_save(int root, const char *folder, char *const *names)
{
    DMV_CLEANUP_CLOSE int kernel = -1, kept = -1;
    int r = dmv_keep_drop(root, folder);

    if (r < 0)
        return r;
    kernel = open_folder(root, folder);
    if (kernel < 0)
        return kernel;
    if (mkdirat(kernel, DMV_KEEP_DIR, 0700) < 0)
        return -errno;
    kept = open_folder(kernel, DMV_KEEP_DIR);
    if (kept < 0)
        return kept;
    for (size_t i = 0; names && names[i]; i++) {
        r = duplicate(kernel, names[i], kept, names[i]);
        if (r < 0)
            return r;
    }
    return fsync(kept) < 0 || fsync(kernel) < 0 ? -errno : 0;
}

static int restore_file(int kept, int kernel, const char *name)
{
    struct stat then, now;
    int r;

    if (fstatat(kept, name, &then, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstatat(kernel, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == then.st_ino &&
        now.st_dev == then.st_dev)
        return 0;
    if (unlinkat(kernel, DMV_IMAGE_TEMPORARY, 0) < 0 && errno != ENOENT)
        return -errno;
    r = duplicate(kept, name, kernel, DMV_IMAGE_TEMPORARY);
    if (r == -ENOSPC || r == -EDQUOT) /* no room for one more name */
        return renameat(kept, name, kernel, name) < 0 ? -errno : 0;
    if (r < 0)
        return r;
    return renameat(kernel, DMV_IMAGE_TEMPORARY, kernel, name) < 0 ? -errno : 0;
}

static int remove_new(int kernel, char *const *now, char *const *then)
{
    for (size_t i = 0; now && now[i]; i++)
        if (!dmv_strv_contains(then, now[i]) && unlinkat(kernel, now[i], 0) < 0 && errno != ENOENT)
            return -errno;
    return 0;
}

int dmv_keep_restore(int root, const char *folder, char *const *names)
{
    DMV_CLEANUP_STRV char **now = NULL;
    DMV_CLEANUP_CLOSE int kernel = open_folder(root, folder), kept = -1;
    int r = kernel < 0 ? kernel : 0;

    /* a crash between copying a file of an index and renaming it leaves the temporary name */
    if (r == 0 && unlinkat(kernel, DMV_IMAGE_TEMPORARY, 0) < 0 && errno != ENOENT)
        r = -errno;
    if (r == 0)
        kept = open_folder(kernel, DMV_KEEP_DIR);
    if (kept < 0) /* depmod runs after everything is kept: nothing is kept, nothing was changed */
        return r < 0 ? r : kept == -ENOENT ? 0 : kept;
    for (size_t i = 0; r == 0 && names && names[i]; i++)
        r = restore_file(kept, kernel, names[i]);
    if (r == 0)
        r = dmv_keep_list(root, folder, &now);
    if (r == 0)
        r = remove_new(kernel, now, names);
    if (r == 0 && fsync(kernel) < 0)
        r = -errno;
    return r;
}

int dmv_keep_drop(int root, const char *folder)
{
    DMV_CLEANUP_CLOSE int kernel = open_folder(root, folder);
    struct stat st;
    int r;

    if (kernel < 0)
        return kernel == -ENOENT ? 0 : kernel;
    if (fstatat(kernel, DMV_KEEP_DIR, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    r = dmv_fs_remove_tree(kernel, DMV_KEEP_DIR);
    return r < 0 ? r : 1;
}

/* All the writing is started first, so that the syncs wait for one batch and not for eleven. */
static int sync_files(int folder, char *const *names)
{
    int r = 0;

    for (int pass = 0; r == 0 && pass < 2; pass++)
        for (size_t i = 0; r == 0 && names && names[i]; i++) {
            DMV_CLEANUP_CLOSE int fd = openat(folder, names[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

            if (fd < 0)
                r = -errno;
            else if (pass == 0)
                (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
            else if (fsync(fd) < 0)
                r = -errno;
        }
    return r;
}

int dmv_keep_copy_all(int from, int to, char *const *names)
{
    int r = 0;

    for (size_t i = 0; r == 0 && names && names[i]; i++)
        r = copy(from, names[i], to, names[i], false);
    return r == 0 ? sync_files(to, names) : r;
}

int dmv_keep_stage(int root, const char *folder, int from)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DMV_CLEANUP_CLOSE int kernel = open_folder(root, folder), kept = -1, staged = -1;
    int r = kernel < 0 ? kernel : dmv_keep_list(from, ".", &names);

    if (r < 0)
        return r;
    kept = open_folder(kernel, DMV_KEEP_DIR);
    if (kept < 0)
        return kept;
    if (mkdirat(kept, STAGED, 0700) < 0)
        return -errno;
    staged = open_folder(kept, STAGED);
    return staged < 0 ? staged : dmv_keep_copy_all(from, staged, names);
}

int dmv_keep_enter(int root, const char *folder)
{
    DMV_CLEANUP_STRV char **names = NULL;
    DMV_CLEANUP_CLOSE int kernel = open_folder(root, folder), staged = -1;
    int r;

    if (kernel < 0)
        return kernel;
    staged = open_folder(kernel, DMV_KEEP_DIR "/" STAGED);
    r = staged < 0 ? staged : dmv_keep_list(staged, ".", &names);
    for (size_t i = 0; r == 0 && names && names[i]; i++)
        r = renameat(staged, names[i], kernel, names[i]) < 0 ? -errno : 0;
    return r == 0 && fsync(kernel) < 0 ? -errno : r;
}

int dmv_keep_stamp(int root, const char *folder, char **ret)
{
    DMV_CLEANUP_CLOSE int kernel = open_folder(root, folder);
    struct stat st;
    char *stamp = NULL;

    if (kernel < 0 && kernel != -ENOENT)
        return kernel;
    if (kernel < 0 || fstatat(kernel, "modules.dep.bin", &st, AT_SYMLINK_NOFOLLOW) < 0)
        stamp = strdup("");
    else if (asprintf(&stamp, "%llu:%lld:%lld.%09ld", (unsigned long long)st.st_ino, (long long)st.st_size,
                      (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec) < 0)
        stamp = NULL;
    if (!stamp)
        return -ENOMEM;
    *ret = stamp;
    return 0;
}
