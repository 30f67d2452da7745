/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and places by sysfs.
 *
 * The permanent MAC is the address of an interface whose addr_assign_type says so; a slave of a bond has the
 * bond's, and tells its own in bonding_slave. The place of a disk is counted from its controller, since the
 * numbers of the kernel's hosts and ports depend on who was found first.
 */
#include "host/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/descent.h"

static int read_decimal(const DmvDescent *d, const char *folder, const char *name, uint64_t *ret)
{
    DMV_CLEANUP_FREE char *text = NULL;
    int r = dmv_descent_text(d, folder, name, &text);

    *ret = 0;
    if (r == 0 && text && dmv_parse_u64(text, INT32_MAX, ret) < 0)
        *ret = 0;
    return r;
}

static DmvName *add(DmvNames *names, DmvNameKind kind, const char *slot, const char *name)
{
    DmvName *n = DMV_ARRAY_ADD(names->items, names->n);

    if (!n || dmv_set_string(&n->slot, slot) < 0 || dmv_set_string(&n->name, name) < 0)
        return NULL;
    n->kind = kind;
    return n;
}

/* ---- interfaces ---- */

static int read_mac(const DmvDescent *d, const char *folder, char **ret)
{
    DMV_CLEANUP_FREE char *type = NULL;
    int r = dmv_descent_text(d, folder, "addr_assign_type", &type);

    if (r < 0)
        return r;
    return dmv_descent_text(d, folder, dmv_streq(type, "0") ? "address" : "bonding_slave/perm_hwaddr", ret);
}

/* The index in the order of creation, until all are there. */
static int add_interface(const DmvDescent *d, const char *slot, const char *name, DmvNames *names)
{
    DMV_CLEANUP_FREE char *folder = dmv_descent_join("class/net", name);
    uint64_t port = 0, index = 0;
    DmvName *n;
    int r = folder ? read_decimal(d, folder, "dev_port", &port) : -ENOMEM;

    if (r == 0)
        r = read_decimal(d, folder, "ifindex", &index);
    n = r == 0 ? add(names, DMV_NAME_INTERFACE, slot, name) : NULL;
    if (!n)
        return -ENOMEM;
    n->order = (int64_t)index;
    if (asprintf(&n->place, "port-%llu", (unsigned long long)port) < 0) {
        n->place = NULL;
        return -ENOMEM;
    }
    return read_mac(d, folder, &n->mac);
}

/* From indexes to ranks: numbers are not the same at every boot, their order should be. */
static int rank(DmvNames *names)
{
    DMV_CLEANUP_FREE int64_t *ranks = calloc(names->n + 1, sizeof(*ranks));

    if (!ranks)
        return -ENOMEM;
    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 0; k < names->n; k++)
            ranks[i] += names->items[i].kind == DMV_NAME_INTERFACE &&
                        names->items[k].kind == DMV_NAME_INTERFACE &&
                        names->items[k].order < names->items[i].order;
    for (size_t i = 0; i < names->n; i++)
        names->items[i].order = ranks[i];
    return 0;
}

/* ---- disks ---- */

/* The lowest number of a SCSI host beside this one. */
static int first_host(const DmvDescent *d, const char *path, const char *host, uint64_t *ret)
{
    DMV_CLEANUP_FREE char *parent = strndup(path, (size_t)(host - path));
    DMV_CLEANUP_STRV char **hosts = NULL;
    int r = parent ? dmv_descent_list(d, parent, "host", true, &hosts) : -ENOMEM;

    *ret = UINT64_MAX;
    for (char **h = hosts; r == 0 && h && *h; h++) {
        uint64_t number;

        if (dmv_parse_u64(*h, INT32_MAX, &number) == 0 && number < *ret)
            *ret = number;
    }
    return r;
}

/* ".../ata3/host2/target2:0:0/2:0:0:0/block/sda": by the port of ATA, by the address of SAS, or by host,
 * channel, target and unit with the host counted from the controller's first. */
static int scsi_place(const DmvDescent *d, const char *path, DmvText *place)
{
    const char *block = strstr(path, "/block/"), *host = strstr(path, "/host"), *ata = strstr(path, "/ata");
    DMV_CLEANUP_FREE char *device = block ? strndup(path, (size_t)(block - path)) : NULL, *sas = NULL;
    const char *address = device ? strrchr(device, '/') : NULL;
    unsigned h, channel, target, unit;
    uint64_t first = 0, port = 0;
    int r = device ? dmv_descent_text(d, device, "sas_address", &sas) : block ? -ENOMEM : 0;

    if (r < 0 || !address || !host || sscanf(address, "/%u:%u:%u:%u", &h, &channel, &target, &unit) != 4)
        return r;
    if (ata) {
        DMV_CLEANUP_FREE char *name = strndup(ata + 1, strcspn(ata + 1, "/"));
        DMV_CLEANUP_FREE char *folder = name ? dmv_descent_join("class/ata_port", name) : NULL;

        r = folder ? read_decimal(d, folder, "port_no", &port) : -ENOMEM;
        dmv_text_appendf(place, "ata-%llu", (unsigned long long)port);
        return r;
    }
    if (sas) {
        dmv_text_appendf(place, "sas-%s-%u", sas, unit);
        return 0;
    }
    r = first_host(d, path, host, &first);
    dmv_text_appendf(place, "scsi-%llu:%u:%u:%u", (unsigned long long)(h - (first <= h ? first : 0)), channel,
                     target, unit);
    return r;
}

static int add_disk(const DmvDescent *d, const char *slot, const char *name, DmvNames *names)
{
    DMV_CLEANUP_FREE char *link = dmv_descent_join("class/block", name), *path = NULL;
    DMV_CLEANUP_TEXT DmvText place = {0};
    const char *unit = strrchr(name, 'n');
    DmvName *n;
    int r = link ? dmv_descent_resolve(d, link, &path) : -ENOMEM;

    if (r < 0)
        return r;
    dmv_text_append(&place, "");
    if (dmv_starts_with(name, "nvme") && unit && unit > name)
        dmv_text_appendf(&place, "nvme-%s", unit + 1);
    else if (path)
        r = scsi_place(d, path, &place);
    n = r == 0 ? add(names, DMV_NAME_DISK, slot, name) : NULL;
    return n ? dmv_text_take(&place, &n->place, NULL) : -ENOMEM;
}

/* ---- all of them ---- */

int dmv_names_observe(const DmvRoots *r, const DmvWorld *w, DmvNames *ret)
{
    DMV_CLEANUP_NAMES DmvNames names = {0};
    DMV_CLEANUP_CLOSE int sysfs = -1;
    DmvDescent descent;
    int e = 0;

    if (!r->sysfs)
        return 0;
    sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sysfs < 0)
        return -errno;
    descent = (DmvDescent){.sysfs = sysfs, .udev = -1};
    for (size_t i = 0; e == 0 && i < w->n_devices; i++) {
        const DmvDevice *d = &w->devices[i];

        if (d->physfn) /* made by somebody's settings after the boot, and not found by a driver */
            continue;
        for (char **name = d->interfaces; e == 0 && name && *name; name++)
            e = add_interface(&descent, d->slot, *name, &names);
        for (char **name = d->blocks; e == 0 && name && *name; name++)
            e = add_disk(&descent, d->slot, *name, &names);
    }
    if (e == 0)
        e = rank(&names);
    if (e < 0)
        return e;
    dmv_names_sort(&names);
    *ret = names;
    names = (DmvNames){0};
    return 0;
}
