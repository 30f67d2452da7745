/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel made of the PCI devices: driver, module, interfaces, disks, virtual functions.
 *
 * Interfaces and disks hang several levels below a device (virtio0/net/eth0,
 * host0/target0:0:0/.../block/sda). On the running system libudev enumerates both classes and names the PCI
 * ancestor; a recorded folder, which libudev does not know, is searched from the device downwards. Both stop
 * at the next PCI device, so a bridge owns nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"
#include "host/sysfs.h"

#define DEVICES "bus/pci/devices"
/* The deepest real path, a SAS disk behind two expanders, has 9 levels. */
#define MAX_DEPTH 16

static inline void cleanup_udev(struct udev **u)
{
    if (*u)
        (void)udev_unref(*u);
}

static inline void cleanup_enumerate(struct udev_enumerate **e)
{
    if (*e)
        (void)udev_enumerate_unref(*e);
}

static inline void cleanup_device(struct udev_device **d)
{
    if (*d)
        (void)udev_device_unref(*d);
}

static int add_problem(DmvWorld *w, const char *slot, const char *what, int code)
{
    DMV_CLEANUP_FREE char *object = NULL;

    if (code == -ENOMEM || asprintf(&object, DEVICES "/%s%s%s", slot, what[0] ? "/" : "", what) < 0) {
        object = NULL;
        return -ENOMEM;
    }
    (void)dmv_problem_add(&w->problems, object, code, "it cannot be read: %s", strerror(-code));
    return 0;
}

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/*
 * A namespace of an NVMe controller, also one behind multipath: the disk nvme0n1 then has no PCI ancestor,
 * and what hangs below the controller is the hidden path nvme0c1n1. Return: the name of the disk as a new
 * string; NULL with 0 in *ret if this is no namespace.
 */
static int namespace_name(const char *name, char **ret)
{
    const char *p = name, *instance_end, *rest;

    *ret = NULL;
    if (!dmv_starts_with(p, "nvme") || digits(p + 4) == 0)
        return 0;
    p += 4 + digits(p + 4);
    instance_end = rest = p;
    if (rest[0] == 'c' && digits(rest + 1) > 0)
        rest += 1 + digits(rest + 1);
    if (rest[0] != 'n' || digits(rest + 1) == 0 || rest[1 + digits(rest + 1)] != '\0')
        return 0;
    return asprintf(ret, "%.*s%s", (int)(instance_end - name), name, rest) < 0 ? -ENOMEM : 0;
}

static int push_disk(DmvDevice *d, const char *name)
{
    DMV_CLEANUP_FREE char *disk = NULL, *clean = NULL;
    int r = namespace_name(name, &disk);

    if (r < 0)
        return r;
    clean = dmv_sanitize(disk ? disk : name);
    return clean ? dmv_strv_push_unique(&d->blocks, clean) : -ENOMEM;
}

static int push_interface(DmvDevice *d, const char *name)
{
    DMV_CLEANUP_FREE char *clean = dmv_sanitize(name);

    return clean ? dmv_strv_push_unique(&d->interfaces, clean) : -ENOMEM;
}

/* Can this entry of a device's folder be what hangs below it? power/ is in every one of them. */
static bool can_be_child(const DmvFsEntry *entry)
{
    return entry->kind == DMV_FS_FOLDER && !dmv_slot_is_valid(entry->name) &&
           strcmp(entry->name, "power") != 0;
}

/* ---- a recorded folder ---- */

static int search(int fd, const DmvFsEntry *entries, size_t n, const char *parent, DmvDevice *d,
                  unsigned depth);

static int search_entry(int fd, const DmvFsEntry *entry, const char *parent, DmvDevice *d, unsigned depth)
{
    DMV_CLEANUP_FREE char *disk = NULL;
    DMV_CLEANUP_CLOSE int child = -1;
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r;

    if (entry->kind == DMV_FS_FOLDER && dmv_streq(parent, "net"))
        return push_interface(d, entry->name);
    if (entry->kind == DMV_FS_FOLDER && dmv_streq(parent, "block"))
        return push_disk(d, entry->name);
    if (!can_be_child(entry))
        return 0;
    r = namespace_name(entry->name, &disk);
    if (r < 0 || disk)
        return r < 0 ? r : push_disk(d, entry->name);
    if (depth == 0)
        return -ELOOP;
    child = openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child < 0)
        return -errno;
    r = dmv_fs_list_open(child, &entries, &n);
    if (r == 0)
        r = search(child, entries, n, entry->name, d, depth - 1);
    dmv_fs_entries_free(entries, n);
    return r;
}

/* @parent: name of the folder that holds the entries, NULL for the device's own. */
static int search(int fd, const DmvFsEntry *entries, size_t n, const char *parent, DmvDevice *d,
                  unsigned depth)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = search_entry(fd, &entries[i], parent, d, depth);
    return r;
}

/* ---- one device ---- */

static int read_link(int dirfd, const char *path, const char *name, DmvDevice *d, char **ret, DmvWorld *w)
{
    int r = dmv_sysfs_link_name(dirfd, path, ret);

    return r < 0 ? add_problem(w, d->slot, name, r) : 0;
}

/* The link to the module is read from the top: it leads through the driver's folder, outside the device's. */
static int read_links(int sysfs, int fd, DmvDevice *d, DmvWorld *w)
{
    DMV_CLEANUP_FREE char *module = NULL;
    int r = read_link(fd, "driver", "driver", d, &d->driver, w);

    if (r == 0)
        r = read_link(fd, "physfn", "physfn", d, &d->physfn, w);
    if (r < 0 || !d->driver)
        return r;
    if (asprintf(&module, DEVICES "/%s/driver/module", d->slot) < 0) {
        module = NULL;
        return -ENOMEM;
    }
    return read_link(sysfs, module, "driver/module", d, &d->module, w);
}

/* A driver that is built in names its code as a module too; that is none that anybody could replace. */
static int drop_built_in(int sysfs, DmvDevice *d)
{
    DMV_CLEANUP_CLOSE int module = -1;
    DMV_CLEANUP_FREE char *path = NULL;

    if (!d->module)
        return 0;
    if (asprintf(&path, "module/%s", d->module) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    module = dmv_fs_open(sysfs, path, O_PATH | O_DIRECTORY, 0);
    return module >= 0 && dmv_sysfs_is_module(module) ? 0 : dmv_set_string(&d->module, NULL);
}

/* A PCI device can be the way to another bus, and what sits on that is what a driver is for: a virtio card's
 * own driver is virtio_pci, and virtio_net is the one that can be chosen. */
static int read_children(int fd, const DmvFsEntry *entries, size_t n, DmvDevice *d)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        DMV_CLEANUP_FREE char *path = NULL, *modalias = NULL;

        if (!can_be_child(&entries[i]))
            continue;
        if (asprintf(&path, "%s/modalias", entries[i].name) < 0) {
            path = NULL;
            r = -ENOMEM;
        } else {
            r = dmv_sysfs_text(fd, path, &modalias);
        }
        if (r == 0 && modalias)
            r = dmv_strv_push_unique(&d->child_modaliases, modalias);
    }
    return r;
}

/* What hangs below the device. One that cannot be read keeps what was found before. */
static int observe_below(int fd, bool recorded, DmvDevice *d, DmvWorld *w)
{
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int r = dmv_fs_list_open(fd, &entries, &n);

    if (r == 0)
        r = read_children(fd, entries, n, d);
    if (r < 0)
        r = add_problem(w, d->slot, "", r);
    if (r == 0 && recorded) {
        r = search(fd, entries, n, NULL, d, MAX_DEPTH);
        if (r < 0)
            r = add_problem(w, d->slot, "", r);
    }
    dmv_fs_entries_free(entries, n);
    return r;
}

static int observe_device(int sysfs, bool recorded, DmvDevice *d, DmvWorld *w)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    int r;

    if (asprintf(&path, DEVICES "/%s", d->slot) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    fd = dmv_fs_open(sysfs, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) /* unplugged since it was listed */
        return add_problem(w, d->slot, "", fd);
    r = dmv_sysfs_text(fd, "modalias", &d->modalias);
    if (r < 0)
        r = add_problem(w, d->slot, "modalias", r);
    if (r == 0)
        r = observe_below(fd, recorded, d, w);
    if (r == 0)
        r = read_links(sysfs, fd, d, w);
    return r == 0 ? drop_built_in(sysfs, d) : r;
}

/* ---- the running system ---- */

/* pci.c found them in the order of the World. */
static DmvDevice *find_device(DmvWorld *w, const char *slot)
{
    return slot ? (DmvDevice *)dmv_world_device(w, slot) : NULL;
}

static int take_child(struct udev *udev, const char *syspath, bool disk, DmvWorld *w)
{
    DMV_CLEANUP(cleanup_device) struct udev_device *dev = udev_device_new_from_syspath(udev, syspath);
    struct udev_device *pci;
    DmvDevice *d;

    if (!dev) /* gone since it was listed */
        return errno == ENOMEM ? -ENOMEM : 0;
    if (disk && !dmv_streq(udev_device_get_devtype(dev), "disk"))
        return 0;
    pci = udev_device_get_parent_with_subsystem_devtype(dev, "pci", NULL);
    d = pci ? find_device(w, udev_device_get_sysname(pci)) : NULL;
    if (!d)
        return 0;
    return disk ? push_disk(d, udev_device_get_sysname(dev))
                : push_interface(d, udev_device_get_sysname(dev));
}

static int enumerate(struct udev *udev, const char *subsystem, bool disk, DmvWorld *w)
{
    DMV_CLEANUP(cleanup_enumerate) struct udev_enumerate *e = udev_enumerate_new(udev);
    struct udev_list_entry *entry;
    int r;

    if (!e)
        return -ENOMEM;
    r = udev_enumerate_add_match_subsystem(e, subsystem);
    if (r >= 0)
        r = udev_enumerate_scan_devices(e);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        (void)dmv_problem_add(&w->problems, disk ? "class/block" : "class/net", r, "it cannot be listed: %s",
                              strerror(-r));
        return 0;
    }
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(e))
    {
        r = take_child(udev, udev_list_entry_get_name(entry), disk, w);
        if (r < 0)
            return r;
    }
    return 0;
}

static int observe_children(DmvWorld *w)
{
    DMV_CLEANUP(cleanup_udev) struct udev *udev = udev_new();
    int r;

    if (!udev)
        return -ENOMEM;
    r = enumerate(udev, "net", false, w);
    return r < 0 ? r : enumerate(udev, "block", true, w);
}

/* ---- all of them ---- */

static void fold_virtual_functions(DmvWorld *w)
{
    for (size_t i = 0; i < w->n_devices; i++) {
        DmvDevice *parent = find_device(w, w->devices[i].physfn);

        if (parent)
            parent->n_vfs++;
    }
}

int dmv_observe_udev(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP_CLOSE int sysfs = -1;
    int e = 0;

    if (!r->sysfs || w->n_devices == 0)
        return 0;
    sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sysfs < 0)
        return -errno;
    for (size_t i = 0; e == 0 && i < w->n_devices; i++)
        e = observe_device(sysfs, !r->live_sysfs, &w->devices[i], w);
    if (e == 0 && r->live_sysfs)
        e = observe_children(w);
    for (size_t i = 0; i < w->n_devices; i++) {
        dmv_strv_sort(w->devices[i].interfaces);
        dmv_strv_sort(w->devices[i].blocks);
    }
    fold_virtual_functions(w);
    return e;
}
