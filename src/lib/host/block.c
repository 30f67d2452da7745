/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a block device lies on, by <sysfs>/class/block: a partition on its disk, a mapped device or a mirror
 * on its slaves (all legs of a multipath), a loop device on the filesystem of its file, an NVMe namespace on
 * its controllers, an iSCSI disk on the interface of its session; and what a filesystem lies on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/descent.h"

#define CLASS "class/block"

/* ---- the way to the other end of a wire ---- */

/* A controller of NVMe: on a PCI function, or at the other end of a network. */
static int follow_controller(DmvDescent *d, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    DMV_CLEANUP_FREE char *text = NULL, *address = NULL, *transport = NULL;
    int r = dmv_descent_enter(d, "controller", name);
    size_t n_ends = d->n_ends;

    if (r <= 0)
        return r;
    r = dmv_descent_device(d, path);
    if (r < 0 || d->n_ends > n_ends)
        return r;
    r = dmv_descent_text(d, path, "transport", &transport);
    if (r == 0)
        r = dmv_descent_text(d, path, "address", &text);
    if (r == 0 && text && (dmv_streq(transport, "tcp") || dmv_streq(transport, "rdma")))
        r = dmv_mount_option(text, "traddr", &address); /* "traddr=10.0.0.1,trsvcid=4420" */
    if (r == 0 && address)
        return dmv_descent_one(d, address, dmv_descent_address);
    return r < 0 ? r
                 : dmv_descent_unknown(d, "sysfs does not say what carries NVMe controller %s (%s)", name,
                                       transport ? transport : "unknown transport");
}

/* All controllers of a subsystem: the links beside the namespace. */
static int follow_subsystem(DmvDescent *d, const char *subsystem)
{
    DMV_CLEANUP_STRV char **names = NULL, **paths = NULL;
    int r = dmv_descent_list(d, subsystem, "nvme", false, &names);

    for (char **n = names; r == 0 && n && *n; n++) {
        DMV_CLEANUP_FREE char *link = dmv_descent_join(subsystem, *n), *path = NULL;

        if (strspn(*n + 4, "0123456789") != strlen(*n + 4))
            continue;
        r = link ? dmv_descent_resolve(d, link, &path) : -ENOMEM;
        if (r == 0 && path)
            r = dmv_strv_push(&paths, path);
    }
    return r == 0 ? dmv_descent_each(d, paths, follow_controller, false) : r;
}

static int follow_session(DmvDescent *d, const char *host, const char *connection)
{
    DMV_CLEANUP_FREE char *host_folder = dmv_descent_join("class/iscsi_host", host), *netdev = NULL;
    DMV_CLEANUP_FREE char *folder = NULL, *address = NULL;
    int r = host_folder ? dmv_descent_text(d, host_folder, "netdev", &netdev) : -ENOMEM;

    if (r == 0 && netdev && dmv_interface_name_is_valid(netdev) && netdev[0] != '<')
        return dmv_descent_one(d, netdev, dmv_descent_interface);
    folder = connection ? dmv_descent_join("class/iscsi_connection", connection) : NULL;
    if (r == 0 && connection)
        r = folder ? dmv_descent_text(d, folder, "address", &address) : -ENOMEM;
    if (r == 0 && address)
        return dmv_descent_one(d, address, dmv_descent_address);
    return r < 0 ? r
                 : dmv_descent_unknown(d, "sysfs does not say what carries the iSCSI session of %s", host);
}

/* ".../host2/session1/target2:0:0/...": the session of an iSCSI disk without a card of its own. */
static int follow_iscsi(DmvDescent *d, const char *path, const char *at)
{
    const char *before = at;
    DMV_CLEANUP_FREE char *session = NULL, *host = NULL;
    DMV_CLEANUP_STRV char **connections = NULL;
    int r;

    while (before > path && before[-1] != '/')
        before--;
    session = strndup(path, strcspn(at + 1, "/") + (size_t)(at + 1 - path));
    host = strndup(before, (size_t)(at - before));
    if (!session || !host)
        return -ENOMEM;
    r = dmv_descent_list(d, session, "connection", false, &connections);
    return r == 0 ? follow_session(d, host, connections ? connections[0] : NULL) : r;
}

/* ---- block devices ---- */

/* The folder above, as a new string in *ret, and its name. */
static const char *parent_of(const char *path, char **ret)
{
    const char *slash = strrchr(path, '/'), *name;

    *ret = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    if (!*ret)
        return NULL;
    name = strrchr(*ret, '/');
    return name ? name + 1 : *ret;
}

/* A disk that hangs on no PCI function. */
static int follow_elsewhere(DmvDescent *d, const char *name, const char *path)
{
    const char *session = strstr(path, "/session");
    size_t n_ends = d->n_ends;
    int r;

    if (session && strspn(session + strlen("/session"), "0123456789") > 0)
        return follow_iscsi(d, path, session);
    if (dmv_starts_with(name, "zram") || dmv_starts_with(name, "ram")) {
        dmv_text_append(&d->chain, ", in memory");
        d->n_ends++;
        return d->chain.error;
    }
    r = dmv_descent_other_bus(d, path);
    if (r < 0 || d->n_ends > n_ends)
        return r;
    return dmv_descent_unknown(d, "sysfs does not say what is under block device %s", name);
}

static int follow_hardware(DmvDescent *d, const char *name, const char *path)
{
    size_t n_ends = d->n_ends;
    int r = dmv_descent_device(d, path);

    return r < 0 || d->n_ends > n_ends ? r : follow_elsewhere(d, name, path);
}

static int follow_folder(DmvDescent *d, const char *name, const char *path)
{
    DMV_CLEANUP_STRV char **slaves = NULL;
    DMV_CLEANUP_FREE char *folder = dmv_descent_join(path, "slaves"), *parent = NULL, *file = NULL;
    const char *above = parent_of(path, &parent);
    int r = folder ? dmv_descent_list(d, folder, "", false, &slaves) : -ENOMEM;

    if (r < 0 || slaves)
        return r < 0 ? r : dmv_descent_each(d, slaves, dmv_descent_block, false);
    if (!above)
        return -ENOMEM;
    if (dmv_descent_has(d, path, "partition"))
        return dmv_descent_one(d, above, dmv_descent_block);
    r = dmv_descent_text(d, path, "loop/backing_file", &file);
    if (r == 0 && file)
        return dmv_descent_one(d, file, dmv_descent_file);
    if (r == 0 && dmv_starts_with(above, "nvme-subsys"))
        return follow_subsystem(d, parent);
    if (r == 0 && strstr(path, "/nvme-fabrics/"))
        return dmv_descent_one(d, parent, follow_controller);
    return r < 0 ? r : follow_hardware(d, name, path);
}

/* "(vg-root)": what a mapped device is called. */
static int append_label(DmvDescent *d, const char *path)
{
    DMV_CLEANUP_FREE char *label = NULL;
    int r = dmv_descent_text(d, path, "dm/name", &label);

    if (r == 0 && label)
        dmv_text_appendf(&d->chain, " (%s)", label);
    return r;
}

int dmv_descent_block(DmvDescent *d, const char *name)
{
    DMV_CLEANUP_FREE char *path = NULL, *folder = NULL;
    int r = dmv_descent_enter(d, "block", name);

    if (r <= 0)
        return r;
    if (!name[0] || strchr(name, '/') || name[0] == '.')
        return dmv_descent_unknown(d, "\"%s\" is no name of a block device", name);
    path = dmv_descent_join(CLASS, name);
    r = path ? dmv_descent_resolve(d, path, &folder) : -ENOMEM;
    if (r == 0 && folder)
        r = append_label(d, folder);
    if (r < 0)
        return r;
    return folder ? follow_folder(d, name, folder)
                  : dmv_descent_unknown(d, "sysfs has no block device %s", name);
}

/* ---- filesystems ---- */

/* The disks of a btrfs: those of the filesystem in sysfs that has the mounted one among them. */
static int follow_btrfs(DmvDescent *d, const DmvMount *m)
{
    DMV_CLEANUP_STRV char **all = NULL, **disks = NULL;
    DMV_CLEANUP_FREE char *mapped = NULL;
    const char *label =
        dmv_starts_with(m->source, "/dev/mapper/") ? m->source + strlen("/dev/mapper/") : NULL;
    const char *base = strrchr(m->source, '/') ? strrchr(m->source, '/') + 1 : m->source;
    int r = dmv_descent_list(d, "fs/btrfs", "", false, &all);

    if (r == 0 && label)
        r = dmv_descent_mapped(d, label, &mapped);
    for (char **id = all; r == 0 && !disks && id && *id; id++) {
        DMV_CLEANUP_FREE char *fs = dmv_descent_join("fs/btrfs", *id);
        DMV_CLEANUP_FREE char *folder = fs ? dmv_descent_join(fs, "devices") : NULL;
        DMV_CLEANUP_STRV char **found = NULL;

        r = folder ? dmv_descent_list(d, folder, "", false, &found) : -ENOMEM;
        if (r == 0 && dmv_strv_contains(found, mapped ? mapped : base))
            disks = DMV_TAKE_PTR(found);
    }
    if (r < 0)
        return r;
    return disks ? dmv_descent_each(d, disks, dmv_descent_block, false)
                 : dmv_descent_one(d, m->source, dmv_descent_node);
}

/* A filesystem on a server: by the address that the mount is connected to. */
static int follow_network(DmvDescent *d, const DmvMount *m)
{
    DMV_CLEANUP_FREE char *address = NULL;
    DMV_CLEANUP_STRV char **interfaces = NULL;
    int r = dmv_mount_option(m->options, "addr", &address);

    dmv_text_appendf(&d->chain, " on %s", m->type);
    if (r == 0 && address)
        return dmv_descent_one(d, address, dmv_descent_address);
    if (r == 0)
        r = dmv_routes_default(d->routes, &interfaces);
    if (r < 0)
        return r;
    return interfaces ? dmv_descent_each(d, interfaces, dmv_descent_interface, false)
                      : dmv_descent_unknown(d, "no route leads to the server of %s", m->source);
}

/* The layers of an overlay, as far as they can be seen from here. */
static int follow_overlay(DmvDescent *d, const DmvMount *m)
{
    DMV_CLEANUP_FREE char *lower = NULL, *upper = NULL;
    DMV_CLEANUP_STRV char **layers = NULL;
    char *rest, *layer;
    int r = dmv_mount_option(m->options, "lowerdir", &lower);

    if (r == 0)
        r = dmv_mount_option(m->options, "upperdir", &upper);
    rest = lower;
    while (r == 0 && (layer = strsep(&rest, ":")))
        if (*layer)
            r = dmv_strv_push_unique(&layers, layer);
    if (r == 0 && upper)
        r = dmv_strv_push_unique(&layers, upper);
    dmv_text_append(&d->chain, " on overlay");
    return r == 0 ? dmv_descent_each(d, layers, dmv_descent_file, false) : r;
}

static bool is_one_of(const char *word, const char *const words[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

int dmv_descent_mount(DmvDescent *d, const DmvMount *m)
{
    static const char *const memory[] = {"tmpfs", "ramfs", "rootfs"};
    static const char *const servers[] = {"nfs", "nfs4", "cifs", "smb3", "ceph"};
    DMV_CLEANUP_FREE char *path = NULL, *device = NULL;
    int r = 0;

    if (m->major != 0) {
        if (asprintf(&path, "dev/block/%u:%u", m->major, m->minor) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        r = dmv_descent_resolve(d, path, &device);
    }
    if (r == 0 && device)
        return dmv_descent_one(d, strrchr(device, '/') ? strrchr(device, '/') + 1 : device,
                               dmv_descent_block);
    if (r == 0 && is_one_of(m->type, memory, DMV_N_ELEMENTS(memory))) {
        dmv_text_appendf(&d->chain, " on %s, in memory", m->type);
        d->n_ends++;
        return d->chain.error;
    }
    if (r < 0)
        return r;
    if (is_one_of(m->type, servers, DMV_N_ELEMENTS(servers)))
        return follow_network(d, m);
    if (strcmp(m->type, "overlay") == 0)
        return follow_overlay(d, m);
    if (dmv_starts_with(m->source, "/dev/"))
        return follow_btrfs(d, m);
    dmv_text_appendf(&d->chain, " on %s", m->type);
    return dmv_descent_unknown(d, "nothing says what is under a filesystem of the type %s", m->type);
}

int dmv_descent_file(DmvDescent *d, const char *path)
{
    const DmvMount *m = path[0] == '/' ? dmv_mounts_of_path(d->mounts, path) : NULL;
    int r = dmv_descent_enter(d, "file", path);

    if (r <= 0)
        return r;
    return m ? dmv_descent_mount(d, m)
             : dmv_descent_unknown(d, "nothing that is mounted here holds %s", path);
}
