/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Twin of a folder.
 *
 * Copying blocks (reflinks) would make the files independent, too, but only some filesystems can, and a
 * second name costs less. Folders are synced one by one and in the end, when there is nothing left to write.
 * syncfs(2) would be one call, but waits for whatever else the host is writing there. ext4 needs one sync:
 * its journal has all changes of folders in the order in which they were made, so what the last one brings to
 * the disk brings those before it; and each further sync would make the disk empty its cache once more, 884
 * times for Debian's kernel.
 */
#include "twin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fs-internal.h"
#include "fs.h"

#define MAX_DEPTH 32
/* Limits of the kernel for the names of all attributes, and for the value of one. */
#define XATTRS_MAX ((size_t)64 * 1024)

DMV_DEFINE_CLEANUP(DmvHash *, cleanup_hash, dmv_hash_free);

static int open_below(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* ---- the copy ---- */

typedef struct Twin {
    char *const *left_out;
    dev_t device;
    size_t n;
    char *names, *value, *there; /* XATTRS_MAX bytes each */
} Twin;

static void twin_deinit(Twin *t)
{
    free(t->names);
    free(t->value);
    free(t->there);
}

/* A mount of the same filesystem has the same device, so the kernel is asked, from Linux 5.8 on it knows;
 * before that, a file in such a mount gets no second name outside of it. */
static int refuse_mount(const Twin *t, int fd)
{
    struct statx stx;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != t->device)
        return -EXDEV;
    if (statx(fd, "", AT_EMPTY_PATH, 0, &stx) == 0 &&
        (stx.stx_attributes_mask & stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return -EXDEV;
    return 0;
}

static int copy_xattr(const Twin *t, int from, int to, const char *name)
{
    ssize_t size = fgetxattr(from, name, t->value, XATTRS_MAX);
    ssize_t there;

    if (size < 0)
        return -errno;
    /* a label that the new folder got by itself needs no right to set one */
    there = fgetxattr(to, name, t->there, XATTRS_MAX);
    if (there == size && memcmp(t->value, t->there, (size_t)size) == 0)
        return 0;
    return fsetxattr(to, name, t->value, (size_t)size, 0) < 0 ? -errno : 0;
}

static int copy_xattrs(const Twin *t, int from, int to)
{
    ssize_t size = flistxattr(from, t->names, XATTRS_MAX);
    int r = 0;

    if (size < 0)
        return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
    for (const char *name = t->names; r == 0 && name < t->names + size; name += strlen(name) + 1)
        r = copy_xattr(t, from, to, name);
    return r;
}

/* The mode after the owner, which takes bits away, and the times last. */
static int copy_attributes(const Twin *t, int from, int to)
{
    struct stat st;
    int r;

    if (fstat(from, &st) < 0)
        return -errno;
    r = copy_xattrs(t, from, to);
    if (r < 0)
        return r;
    if (fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0 ||
        futimens(to, (const struct timespec[]){st.st_atim, st.st_mtim}) < 0)
        return -errno;
    return 0;
}

static int fill(Twin *t, int from, int to, unsigned depth);

static int fill_below(Twin *t, int from, int to, const char *name, unsigned depth)
{
    DMV_CLEANUP_CLOSE int from_fd = open_below(from, name), to_fd = -1;
    int r = from_fd < 0 ? from_fd : refuse_mount(t, from_fd);

    if (r == 0 && mkdirat(to, name, 0700) < 0)
        r = -errno;
    if (r < 0)
        return r;
    to_fd = open_below(to, name);
    return to_fd < 0 ? to_fd : fill(t, from_fd, to_fd, depth);
}

static int fill(Twin *t, int from, int to, unsigned depth)
{
    DMV_CLEANUP_LISTING DmvFsListing l = {0};
    int r = depth == MAX_DEPTH ? -ELOOP : dmv_fs_list_unsorted(from, ".", &l.entries, &l.n);

    for (size_t i = 0; r == 0 && i < l.n; i++) {
        const DmvFsEntry *e = &l.entries[i];

        if (depth == 0 && dmv_strv_contains(t->left_out, e->name))
            continue;
        if (++t->n > DMV_TWIN_ENTRIES_MAX)
            r = -E2BIG;
        else if (e->kind == DMV_FS_FOLDER)
            r = fill_below(t, from, to, e->name, depth + 1);
        else if (linkat(from, e->name, to, e->name, 0) < 0)
            r = -errno;
    }
    return r == 0 ? copy_attributes(t, from, to) : r;
}

int dmv_twin_fill(int from, int to, char *const *left_out)
{
    DMV_CLEANUP(twin_deinit)
    Twin t = {.left_out = left_out,
              .names = malloc(XATTRS_MAX),
              .value = malloc(XATTRS_MAX),
              .there = malloc(XATTRS_MAX)};
    struct stat st;
    int r;

    if (!t.names || !t.value || !t.there)
        return -ENOMEM;
    if (fstat(to, &st) < 0)
        return -errno;
    t.device = st.st_dev;
    r = refuse_mount(&t, from);
    return r == 0 ? fill(&t, from, to, 0) : r;
}

/* ---- changes ---- */

/* Renaming a folder changes its own times: what happens right in it shows in its entries. */
static int print_folder(DmvHash *h, const struct stat *st, bool top)
{
    const int64_t times[] = {st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec,
                             st->st_ctim.tv_nsec};
    const uint64_t who[] = {st->st_ino, st->st_mode, st->st_uid, st->st_gid};
    int r = top ? 0 : dmv_hash_update(h, times, sizeof(times));

    return r == 0 ? dmv_hash_update(h, who, sizeof(who)) : r;
}

static int print_entry(DmvHash *h, const DmvFsEntry *e)
{
    const uint64_t numbers[] = {e->inode, (uint64_t)e->kind};
    int r = dmv_hash_update(h, e->name, strlen(e->name) + 1);

    return r == 0 ? dmv_hash_update(h, numbers, sizeof(numbers)) : r;
}

static int print(DmvHash *h, int folder, unsigned depth)
{
    static const char end = '/';
    DMV_CLEANUP_LISTING DmvFsListing l = {0};
    struct stat st;
    int r = depth == MAX_DEPTH ? -ELOOP : fstat(folder, &st) < 0 ? -errno : print_folder(h, &st, depth == 0);

    if (r == 0)
        r = dmv_fs_list(folder, ".", &l.entries, &l.n);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        DMV_CLEANUP_CLOSE int fd = -1;

        r = print_entry(h, &l.entries[i]);
        if (r < 0 || l.entries[i].kind != DMV_FS_FOLDER)
            continue;
        fd = open_below(folder, l.entries[i].name);
        r = fd < 0 ? fd : print(h, fd, depth + 1);
    }
    return r == 0 ? dmv_hash_update(h, &end, sizeof(end)) : r;
}

int dmv_twin_print(int folder, char ret[DMV_SHA256_HEX])
{
    DMV_CLEANUP(cleanup_hash) DmvHash *h = NULL;
    char hex[DMV_SHA256_HEX];
    int r = dmv_hash_new(&h);

    if (r == 0)
        r = print(h, folder, 0);
    if (r == 0)
        r = dmv_hash_final(h, hex);
    if (r == 0)
        memcpy(ret, hex, sizeof(hex));
    return r;
}

static int sync_folders(int folder, unsigned depth)
{
    DMV_CLEANUP_LISTING DmvFsListing l = {0};
    int r = depth == MAX_DEPTH ? -ELOOP : dmv_fs_list_unsorted(folder, ".", &l.entries, &l.n);

    for (size_t i = 0; r == 0 && i < l.n; i++) {
        DMV_CLEANUP_CLOSE int fd = -1;

        if (l.entries[i].kind != DMV_FS_FOLDER)
            continue;
        fd = open_below(folder, l.entries[i].name);
        r = fd < 0 ? fd : sync_folders(fd, depth + 1);
    }
    return r == 0 ? dmv_fs_sync_fd(folder) : r;
}

int dmv_twin_sync(int folder)
{
    struct statfs st;

    if (fstatfs(folder, &st) < 0)
        return -errno;
    return st.f_type == EXT4_SUPER_MAGIC ? dmv_fs_sync_fd(folder) : sync_folders(folder, 0);
}
