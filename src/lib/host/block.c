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
#include "host/trace.h"

#define CLASS "class/block"

/* ---- the way to the other end of a wire ---- */

/* A controller of NVMe: on a PCI function, or at the other end of a network. */
static int trace_controller(DmvTrace *t, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    DMV_CLEANUP_FREE char *text = NULL, *address = NULL, *transport = NULL;
    int r = dmv_trace_enter(t, "controller", name);
    size_t n_ends = t->n_ends;

    if (r <= 0)
        return r;
    r = dmv_trace_device(t, path);
    if (r < 0 || t->n_ends > n_ends)
        return r;
    r = dmv_trace_text(t, path, "transport", &transport);
    if (r == 0)
        r = dmv_trace_text(t, path, "address", &text);
    if (r == 0 && text && (dmv_streq(transport, "tcp") || dmv_streq(transport, "rdma")))
        r = dmv_mount_option(text, "traddr", &address); /* "traddr=10.0.0.1,trsvcid=4420" */
    if (r == 0 && address)
        return dmv_trace_one(t, address, dmv_trace_address);
    return r < 0 ? r
                 : dmv_trace_unknown(t, "sysfs does not say what carries NVMe controller %s (%s)", name,
                                     transport ? transport : "unknown transport");
}

/* All controllers of a subsystem: the links beside the namespace. */
static int trace_subsystem(DmvTrace *t, const char *subsystem)
{
    DMV_CLEANUP_STRV char **names = NULL, **paths = NULL;
    int r = dmv_trace_list(t, subsystem, "nvme", false, &names);

    for (char **n = names; r == 0 && n && *n; n++) {
        DMV_CLEANUP_FREE char *link = dmv_trace_join(subsystem, *n), *path = NULL;

        if (strspn(*n + 4, "0123456789") != strlen(*n + 4))
            continue;
        r = link ? dmv_trace_resolve(t, link, &path) : -ENOMEM;
        if (r == 0 && path)
            r = dmv_strv_push(&paths, path);
    }
    return r == 0 ? dmv_trace_each(t, paths, trace_controller, false) : r;
}

static int trace_session(DmvTrace *t, const char *host, const char *connection)
{
    DMV_CLEANUP_FREE char *host_folder = dmv_trace_join("class/iscsi_host", host), *netdev = NULL;
    DMV_CLEANUP_FREE char *folder = NULL, *address = NULL;
    int r = host_folder ? dmv_trace_text(t, host_folder, "netdev", &netdev) : -ENOMEM;

    if (r == 0 && netdev && dmv_interface_name_is_valid(netdev) && netdev[0] != '<')
        return dmv_trace_one(t, netdev, dmv_trace_interface);
    folder = connection ? dmv_trace_join("class/iscsi_connection", connection) : NULL;
    if (r == 0 && connection)
        r = folder ? dmv_trace_text(t, folder, "address", &address) : -ENOMEM;
    if (r == 0 && address)
        return dmv_trace_one(t, address, dmv_trace_address);
    return r < 0 ? r : dmv_trace_unknown(t, "sysfs does not say what carries the iSCSI session of %s", host);
}

/* ".../host2/session1/target2:0:0/...": the session of an iSCSI disk without a card of its own. */
static int trace_iscsi(DmvTrace *t, const char *path, const char *at)
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
    r = dmv_trace_list(t, session, "connection", false, &connections);
    return r == 0 ? trace_session(t, host, connections ? connections[0] : NULL) : r;
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
static int trace_elsewhere(DmvTrace *t, const char *name, const char *path)
{
    const char *session = strstr(path, "/session");
    size_t n_ends = t->n_ends;
    int r;

    if (session && strspn(session + strlen("/session"), "0123456789") > 0)
        return trace_iscsi(t, path, session);
    if (dmv_starts_with(name, "zram") || dmv_starts_with(name, "ram")) {
        dmv_text_append(&t->chain, ", in memory");
        t->n_ends++;
        return t->chain.error;
    }
    r = dmv_trace_other_bus(t, path);
    if (r < 0 || t->n_ends > n_ends)
        return r;
    return dmv_trace_unknown(t, "sysfs does not say what is under block device %s", name);
}

static int trace_hardware(DmvTrace *t, const char *name, const char *path)
{
    size_t n_ends = t->n_ends;
    int r = dmv_trace_device(t, path);

    return r < 0 || t->n_ends > n_ends ? r : trace_elsewhere(t, name, path);
}

static int trace_folder(DmvTrace *t, const char *name, const char *path)
{
    DMV_CLEANUP_STRV char **slaves = NULL;
    DMV_CLEANUP_FREE char *folder = dmv_trace_join(path, "slaves"), *parent = NULL, *file = NULL;
    const char *above = parent_of(path, &parent);
    int r = folder ? dmv_trace_list(t, folder, "", false, &slaves) : -ENOMEM;

    if (r < 0 || slaves)
        return r < 0 ? r : dmv_trace_each(t, slaves, dmv_trace_block, false);
    if (!above)
        return -ENOMEM;
    if (dmv_trace_has(t, path, "partition"))
        return dmv_trace_one(t, above, dmv_trace_block);
    r = dmv_trace_text(t, path, "loop/backing_file", &file);
    if (r == 0 && file)
        return dmv_trace_one(t, file, dmv_trace_file);
    if (r == 0 && dmv_starts_with(above, "nvme-subsys"))
        return trace_subsystem(t, parent);
    if (r == 0 && strstr(path, "/nvme-fabrics/"))
        return dmv_trace_one(t, parent, trace_controller);
    return r < 0 ? r : trace_hardware(t, name, path);
}

/* "(vg-root)": what a mapped device is called. */
static int append_label(DmvTrace *t, const char *path)
{
    DMV_CLEANUP_FREE char *label = NULL;
    int r = dmv_trace_text(t, path, "dm/name", &label);

    if (r == 0 && label)
        dmv_text_appendf(&t->chain, " (%s)", label);
    return r;
}

int dmv_trace_block(DmvTrace *t, const char *name)
{
    DMV_CLEANUP_FREE char *path = NULL, *folder = NULL;
    int r = dmv_trace_enter(t, "block", name);

    if (r <= 0)
        return r;
    if (!name[0] || strchr(name, '/') || name[0] == '.')
        return dmv_trace_unknown(t, "\"%s\" is no name of a block device", name);
    path = dmv_trace_join(CLASS, name);
    r = path ? dmv_trace_resolve(t, path, &folder) : -ENOMEM;
    if (r == 0 && folder)
        r = append_label(t, folder);
    if (r < 0)
        return r;
    return folder ? trace_folder(t, name, folder)
                  : dmv_trace_unknown(t, "sysfs has no block device %s", name);
}

/* ---- nodes ---- */

/* The mapped device of a name; NULL if there is none. */
static int find_mapped(const DmvTrace *t, const char *label, char **ret)
{
    DMV_CLEANUP_STRV char **names = NULL;
    int r = dmv_trace_list(t, CLASS, "dm-", false, &names);

    *ret = NULL;
    for (char **n = names; r == 0 && !*ret && n && *n; n++) {
        DMV_CLEANUP_FREE char *folder = dmv_trace_join(CLASS, *n), *found = NULL;

        r = folder ? dmv_trace_text(t, folder, "dm/name", &found) : -ENOMEM;
        if (r == 0 && dmv_streq(found, label))
            r = dmv_set_string(ret, *n);
    }
    return r;
}

int dmv_trace_node(DmvTrace *t, const char *node)
{
    DMV_CLEANUP_FREE char *name = NULL;
    int r = 0;

    if (dmv_starts_with(node, "/dev/mapper/"))
        r = find_mapped(t, node + strlen("/dev/mapper/"), &name);
    if (r == 0 && !name)
        r = dmv_set_string(&name, node + (dmv_starts_with(node, "/dev/") ? strlen("/dev/") : 0));
    if (r < 0)
        return r;
    for (char *c = name; *c; c++) /* as sysfs writes cciss/c0d0 */
        if (*c == '/')
            *c = '!';
    return dmv_trace_block(t, name);
}

/* ---- filesystems ---- */

/* The disks of a btrfs: those of the filesystem in sysfs that has the mounted one among them. */
static int trace_btrfs(DmvTrace *t, const DmvMount *m)
{
    DMV_CLEANUP_STRV char **all = NULL, **disks = NULL;
    DMV_CLEANUP_FREE char *mapped = NULL;
    const char *label =
        dmv_starts_with(m->source, "/dev/mapper/") ? m->source + strlen("/dev/mapper/") : NULL;
    const char *base = strrchr(m->source, '/') ? strrchr(m->source, '/') + 1 : m->source;
    int r = dmv_trace_list(t, "fs/btrfs", "", false, &all);

    if (r == 0 && label)
        r = find_mapped(t, label, &mapped);
    for (char **id = all; r == 0 && !disks && id && *id; id++) {
        DMV_CLEANUP_FREE char *fs = dmv_trace_join("fs/btrfs", *id);
        DMV_CLEANUP_FREE char *folder = fs ? dmv_trace_join(fs, "devices") : NULL;
        DMV_CLEANUP_STRV char **found = NULL;

        r = folder ? dmv_trace_list(t, folder, "", false, &found) : -ENOMEM;
        if (r == 0 && dmv_strv_contains(found, mapped ? mapped : base))
            disks = DMV_TAKE_PTR(found);
    }
    if (r < 0)
        return r;
    return disks ? dmv_trace_each(t, disks, dmv_trace_block, false)
                 : dmv_trace_one(t, m->source, dmv_trace_node);
}

/* A filesystem on a server: by the address that the mount is connected to. */
static int trace_network(DmvTrace *t, const DmvMount *m)
{
    DMV_CLEANUP_FREE char *address = NULL;
    DMV_CLEANUP_STRV char **interfaces = NULL;
    int r = dmv_mount_option(m->options, "addr", &address);

    dmv_text_appendf(&t->chain, " on %s", m->type);
    if (r == 0 && address)
        return dmv_trace_one(t, address, dmv_trace_address);
    if (r == 0)
        r = dmv_routes_default(t->routes, &interfaces);
    if (r < 0)
        return r;
    return interfaces ? dmv_trace_each(t, interfaces, dmv_trace_interface, false)
                      : dmv_trace_unknown(t, "no route leads to the server of %s", m->source);
}

/* The layers of an overlay, as far as they can be seen from here. */
static int trace_overlay(DmvTrace *t, const DmvMount *m)
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
    dmv_text_append(&t->chain, " on overlay");
    return r == 0 ? dmv_trace_each(t, layers, dmv_trace_file, false) : r;
}

static bool is_one_of(const char *word, const char *const words[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

int dmv_trace_mount(DmvTrace *t, const DmvMount *m)
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
        r = dmv_trace_resolve(t, path, &device);
    }
    if (r == 0 && device)
        return dmv_trace_one(t, strrchr(device, '/') ? strrchr(device, '/') + 1 : device, dmv_trace_block);
    if (r == 0 && is_one_of(m->type, memory, DMV_N_ELEMENTS(memory))) {
        dmv_text_appendf(&t->chain, " on %s, in memory", m->type);
        t->n_ends++;
        return t->chain.error;
    }
    if (r < 0)
        return r;
    if (is_one_of(m->type, servers, DMV_N_ELEMENTS(servers)))
        return trace_network(t, m);
    if (strcmp(m->type, "overlay") == 0)
        return trace_overlay(t, m);
    if (dmv_starts_with(m->source, "/dev/"))
        return trace_btrfs(t, m);
    dmv_text_appendf(&t->chain, " on %s", m->type);
    return dmv_trace_unknown(t, "nothing says what is under a filesystem of the type %s", m->type);
}

int dmv_trace_file(DmvTrace *t, const char *path)
{
    const DmvMount *m = path[0] == '/' ? dmv_mounts_of_path(t->mounts, path) : NULL;
    int r = dmv_trace_enter(t, "file", path);

    if (r <= 0)
        return r;
    return m ? dmv_trace_mount(t, m) : dmv_trace_unknown(t, "nothing that is mounted here holds %s", path);
}
