/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which block device a node below /dev is. The daemon sees no /dev, and a recorded host has none, so links
 * there are not followed but known: a logical volume by the name that LVM gives its mapped device, any other
 * link by udev's database, a disk of XenServer's storage manager by its rules.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/descent.h"
#include "host/fs.h"

#define CLASS "class/block"
#define DEV "/dev/"
#define MAPPER "/dev/mapper/"
/* What udev knows of one device. */
#define RECORD_MAX_BYTES ((size_t)64 * 1024)
/* Disks of the storage manager: /dev/sm/backend/REPOSITORY/DISK, both UUIDs. */
#define STORAGE "sm/backend/"

/* ---- mapped devices ---- */

int dmv_descent_mapped(const DmvDescent *d, const char *label, char **ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    int r = dmv_descent_list(d, CLASS, "dm-", false, &names);

    *ret = NULL;
    for (char **n = names; r == 0 && !*ret && n && *n; n++) {
        DMV_CLEANUP_FREE char *folder = dmv_descent_join(CLASS, *n), *found = NULL;

        r = folder ? dmv_descent_text(d, folder, "dm/name", &found) : -ENOMEM;
        if (r == 0 && dmv_streq(found, label))
            r = dmv_set_string(ret, *n);
    }
    return r;
}

/* LVM writes a dash in a name twice. */
static void append_lvm_name(DmvText *t, const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++)
        dmv_text_append_bytes(t, name[i] == '-' ? "--" : &name[i], name[i] == '-' ? 2 : 1);
}

/* "vg/lv": the label of that volume's mapped device; NULL if it is no such name. */
static int label_of_volume(const char *name, char **ret)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    const char *slash = strchr(name, '/');

    *ret = NULL;
    if (!slash || slash == name || !slash[1] || strchr(slash + 1, '/'))
        return 0;
    append_lvm_name(&t, name, (size_t)(slash - name));
    dmv_text_append(&t, "-");
    append_lvm_name(&t, slash + 1, strlen(slash + 1));
    return dmv_text_take(&t, ret, NULL);
}

/* ---- udev's database ---- */

/* Has a record the line "S:<link>"? */
static bool has_link(const char *data, const char *link)
{
    for (const char *line = data; *line; line += *line == '\n') {
        size_t size = strcspn(line, "\n");

        if (size == strlen(link) + 2 && line[0] == 'S' && line[1] == ':' &&
            strncmp(line + 2, link, strlen(link)) == 0)
            return true;
        line += size;
    }
    return false;
}

/* The name of the block device with that number ("8:0"); NULL if there is none. */
static int name_of_number(const DmvDescent *d, const char *number, char **ret)
{
    DMV_CLEANUP_FREE char *path = dmv_descent_join("dev/block", number), *where = NULL;
    int r = path ? dmv_descent_resolve(d, path, &where) : -ENOMEM;

    *ret = NULL;
    return r < 0 || !where ? r : dmv_set_string(ret, strrchr(where, '/') ? strrchr(where, '/') + 1 : where);
}

/* Records are named "b8:0". */
static int find_link(const DmvDescent *d, const char *link, char **ret)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = d->udev < 0 ? -ENOENT : dmv_fs_list(d->udev, ".", &entries, &n);

    *ret = NULL;
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    for (size_t i = 0; r == 0 && !*ret && i < n; i++) {
        DMV_CLEANUP_FREE char *data = NULL;
        size_t size = 0;

        if (entries[i].name[0] != 'b')
            continue;
        r = dmv_fs_read_file(d->udev, entries[i].name, RECORD_MAX_BYTES, &data, &size);
        if (r == 0 && has_link(data, link))
            r = name_of_number(d, entries[i].name + 1, ret);
        r = r == -ENOMEM ? r : 0;
    }
    dmv_fs_entries_free(entries, n);
    return r;
}

/* ---- XenServer's storage manager ---- */

/* Is a label that of a volume of a repository, and of that disk? Volumes are called TYPE-UUID, and their
 * group VG_XenStorage-UUID. */
static bool is_volume_of(const char *label, const char *repository, const char *disk)
{
    const char *rest;

    if (!dmv_starts_with(label, "VG_XenStorage--") || !repository || !disk)
        return false;
    rest = label + strlen("VG_XenStorage--");
    return dmv_starts_with(rest, repository) && rest[strlen(repository)] == '-' && dmv_ends_with(label, disk);
}

static int find_volume(const DmvDescent *d, const char *repository, const char *disk, char **ret)
{
    DMV_CLEANUP_TEXT DmvText r_text = {0}, d_text = {0};
    DMV_CLEANUP_STRV char **names = NULL;
    int r = dmv_descent_list(d, CLASS, "dm-", false, &names);

    append_lvm_name(&r_text, repository, strlen(repository));
    append_lvm_name(&d_text, disk, strlen(disk));
    if (r == 0 && (r_text.error || d_text.error))
        r = -ENOMEM;
    for (char **n = names; r == 0 && !*ret && n && *n; n++) {
        DMV_CLEANUP_FREE char *folder = dmv_descent_join(CLASS, *n), *label = NULL;

        r = folder ? dmv_descent_text(d, folder, "dm/name", &label) : -ENOMEM;
        if (r == 0 && label && is_volume_of(label, r_text.data, d_text.data))
            r = dmv_set_string(ret, *n);
    }
    return r;
}

/* The mount of a repository that keeps its disks in files. */
static const DmvMount *mount_of_repository(const DmvDescent *d, const char *repository)
{
    for (size_t i = 0; i < d->mounts->n; i++) {
        const char *slash = strrchr(d->mounts->items[i].point, '/');

        if (slash && strcmp(slash + 1, repository) == 0 &&
            slash - d->mounts->items[i].point >= (ptrdiff_t)strlen("/sr-mount") &&
            dmv_starts_with(slash - strlen("/sr-mount"), "/sr-mount/"))
            return &d->mounts->items[i];
    }
    return NULL;
}

/* A file on a mounted repository, or a logical volume. */
static int follow_storage(DmvDescent *d, const char *name)
{
    DMV_CLEANUP_FREE char *repository = strdup(name + strlen(STORAGE)), *volume = NULL;
    char *disk = repository ? strchr(repository, '/') : NULL;
    const DmvMount *m;
    int r = repository ? dmv_descent_enter(d, "disk", name) : -ENOMEM;

    if (r <= 0)
        return r;
    if (!disk)
        return dmv_descent_unknown(d, "%s is no disk of the storage manager", name);
    *disk++ = '\0';
    m = mount_of_repository(d, repository);
    if (m)
        return dmv_descent_mount(d, m);
    r = find_volume(d, repository, disk, &volume);
    if (r < 0)
        return r;
    return volume ? dmv_descent_one(d, volume, dmv_descent_block)
                  : dmv_descent_unknown(d, "storage repository %s is not there", repository);
}

/* ---- nodes ---- */

/* As sysfs writes cciss/c0d0. */
static int name_of_node(const char *name, char **ret)
{
    int r = dmv_set_string(ret, name);

    for (char *c = r == 0 ? *ret : NULL; c && *c; c++)
        if (*c == '/')
            *c = '!';
    return r;
}

/* @name: without "/dev/". NULL if it is no link that is known. */
static int find_device(const DmvDescent *d, const char *name, char **ret)
{
    DMV_CLEANUP_FREE char *label = NULL;
    int r = label_of_volume(name, &label);

    if (r == 0 && label)
        r = dmv_descent_mapped(d, label, ret);
    return r == 0 && !*ret && strchr(name, '/') ? find_link(d, name, ret) : r;
}

int dmv_descent_node(DmvDescent *d, const char *node)
{
    const char *rest = dmv_starts_with(node, DEV) ? node + strlen(DEV) : node;
    DMV_CLEANUP_FREE char *name = NULL, *found = NULL;
    int r = 0;

    if (dmv_starts_with(rest, STORAGE))
        return follow_storage(d, rest);
    if (dmv_starts_with(node, MAPPER))
        r = dmv_descent_mapped(d, node + strlen(MAPPER), &found);
    else
        r = find_device(d, rest, &found);
    if (r == 0 && !found)
        r = name_of_node(rest, &name);
    return r < 0 ? r : dmv_descent_block(d, found ? found : name);
}
