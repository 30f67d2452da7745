/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI devices by libpci, over the sysfs that was named.
 *
 * libpci ends the program when something in sysfs is odd: pci_scan_bus() gives up at the first entry that it
 * cannot parse. So the folder is listed here, each device is asked for alone, and libpci's error handler
 * jumps back: one bad device is a problem of its own and the others are still there. Subsystem ids and the
 * full class are read as attributes, since libpci before 3.8 only knows them by reading the configuration
 * space.
 */
#include <errno.h>
#include <fcntl.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/observe.h"
#include "host/sysfs.h"

#define DEVICES "bus/pci/devices"
#define NAME_MAX_BYTES 256

/* Where libpci's error handler goes while a frame of ours waits for it; libpci gives it no pointer of ours.
 */
static _Thread_local jmp_buf *escape;

__attribute__((noreturn, format(printf, 1, 2))) static void on_error(char *format, ...)
{
    (void)format;
    if (!escape) /* it must not return, and nobody waits */
        abort();
    longjmp(*escape, 1);
}

__attribute__((format(printf, 1, 2))) static void on_message(char *format, ...)
{
    (void)format;
}

static inline void cleanup_access(struct pci_access **a)
{
    if (*a)
        pci_cleanup(*a);
}

/* Return: libpci's state for a sysfs, or NULL. */
static struct pci_access *open_access(const char *sysfs)
{
    DMV_CLEANUP_FREE char *path = NULL;
    struct pci_access *volatile a = NULL;
    jmp_buf here;

    if (asprintf(&path, "%s/bus/pci", sysfs) < 0) {
        path = NULL;
        return NULL;
    }
    escape = &here;
    if (setjmp(here) != 0) {
        escape = NULL;
        if (a)
            pci_cleanup(a);
        return NULL;
    }
    a = pci_alloc();
    a->method = PCI_ACCESS_SYS_BUS_PCI;
    a->error = on_error;
    a->warning = on_message;
    a->debug = on_message;
    (void)pci_set_param(a, (char *)"sysfs.path", path);
    (void)pci_set_param(a, (char *)"hwdb.disable", (char *)"1");
    pci_init(a);
    escape = NULL;
    a->id_lookup_mode = 0; /* neither the network nor the caller's home directory */
    return a;
}

/* Asks libpci for one device's ids. Return: 0, or -EIO. */
static int ask(struct pci_access *a, const char *slot, uint16_t *ret_vendor, uint16_t *ret_device)
{
    struct pci_dev *volatile dev = NULL;
    unsigned domain, bus, device, function;
    volatile int r = -EIO;
    jmp_buf here;

    if (sscanf(slot, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4 || domain > INT32_MAX)
        return -EIO;
    escape = &here;
    if (setjmp(here) == 0) {
        dev = pci_get_dev(a, (int)domain, (int)bus, (int)device, (int)function);
        if (pci_fill_info(dev, PCI_FILL_IDENT) & PCI_FILL_IDENT) {
            *ret_vendor = dev->vendor_id;
            *ret_device = dev->device_id;
            r = 0;
        }
    }
    escape = NULL;
    if (dev)
        pci_free_dev(dev);
    return r;
}

/* A name of pci.ids, or NULL. */
static int set_name(struct pci_access *a, char **ret, int what, int first, int second)
{
    char buffer[NAME_MAX_BYTES];
    char *volatile name = NULL;
    jmp_buf here;

    if (*ret)
        return 0;
    escape = &here;
    if (setjmp(here) == 0)
        name = pci_lookup_name(a, buffer, sizeof(buffer), what | PCI_LOOKUP_NO_NUMBERS, first, second);
    escape = NULL;
    if (!name)
        return 0;
    *ret = dmv_sanitize(name);
    return *ret ? 0 : -ENOMEM;
}

static int set_names(struct pci_access *a, DmvDevice *d)
{
    int r = set_name(a, &d->vendor_name, PCI_LOOKUP_VENDOR, d->vendor, 0);

    if (r == 0)
        r = set_name(a, &d->device_name, PCI_LOOKUP_DEVICE, d->vendor, d->device);
    return r < 0 ? r : set_name(a, &d->class_name, PCI_LOOKUP_CLASS, (int)(d->class_id >> 8), 0);
}

/* What a device cannot be known without: its ids and its class. Fills @ret_attribute with what is wrong. */
static int read_ids(int fd, struct pci_access *a, DmvDevice *d, const char **ret_attribute)
{
    uint32_t vendor, device, class_id, v = 0;
    int r;

    *ret_attribute = "vendor";
    r = dmv_sysfs_number(fd, "vendor", 0xfffe, &vendor);
    if (r < 0)
        return r;
    *ret_attribute = "device";
    r = dmv_sysfs_number(fd, "device", 0xffff, &device);
    if (r == 0)
        r = ask(a, d->slot, &d->vendor, &d->device);
    if (r == 0 && (d->vendor != vendor || d->device != device))
        r = -EIO;
    if (r < 0)
        return r;
    *ret_attribute = "class";
    r = dmv_sysfs_number(fd, "class", 0xffffff, &class_id);
    if (r < 0)
        return r;
    d->class_id = class_id;
    /* a bridge has no subsystem; without one the modalias says zero as well */
    if (dmv_sysfs_number(fd, "subsystem_vendor", 0xffff, &v) == 0)
        d->subvendor = (uint16_t)v;
    if (dmv_sysfs_number(fd, "subsystem_device", 0xffff, &v) == 0)
        d->subdevice = (uint16_t)v;
    return 0;
}

static int add_problem(DmvWorld *w, const char *slot, const char *attribute, int code)
{
    DMV_CLEANUP_FREE char *object = NULL;

    if (asprintf(&object, DEVICES "/%s%s%s", slot, attribute ? "/" : "", attribute ? attribute : "") < 0) {
        object = NULL;
        return -ENOMEM;
    }
    (void)dmv_problem_add(&w->problems, object, code, "the device is left out: %s",
                          code == -EINVAL || code == -ERANGE ? "this is not the number it has to be"
                                                             : strerror(-code));
    return 0;
}

static int observe_device(int sysfs, struct pci_access *a, const char *slot, DmvWorld *w)
{
    DMV_CLEANUP(dmv_device_deinit) DmvDevice d = {0};
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    const char *attribute = NULL;
    DmvDevice *place;
    int r;

    if (asprintf(&path, DEVICES "/%s", slot) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    fd = dmv_fs_open(sysfs, path, O_PATH | O_DIRECTORY, 0);
    r = fd < 0 ? fd : dmv_set_string(&d.slot, slot);
    if (r == 0)
        r = read_ids(fd, a, &d, &attribute);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return add_problem(w, slot, attribute, r);
    place = DMV_ARRAY_ADD(w->devices, w->n_devices);
    if (!place)
        return -ENOMEM;
    *place = d;
    d = (DmvDevice){0};
    return 0;
}

static int observe_devices(int sysfs, const DmvFsEntry *entries, size_t n, struct pci_access *a, DmvWorld *w)
{
    for (size_t i = 0; i < n; i++) {
        int r;

        if (dmv_slot_is_valid(entries[i].name))
            r = observe_device(sysfs, a, entries[i].name, w);
        else
            r = add_problem(w, entries[i].name, NULL, -EINVAL);
        if (r < 0)
            return r;
    }
    return 0;
}

int dmv_observe_pci(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP(cleanup_access) struct pci_access *a = NULL;
    DMV_CLEANUP_CLOSE int sysfs = -1;
    DmvFsEntry *entries = NULL;
    size_t n = 0;
    int e;

    if (!r->sysfs)
        return 0;
    sysfs = open(r->sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sysfs < 0)
        return errno == ENOENT ? 0 : -errno;
    e = dmv_fs_list(sysfs, DEVICES, &entries, &n);
    if (e < 0) /* a machine without PCI */
        return e == -ENOENT ? 0 : e;
    a = open_access(r->sysfs);
    e = a ? observe_devices(sysfs, entries, n, a, w) : -EIO;
    dmv_fs_entries_free(entries, n);
    return e;
}

int dmv_observe_pci_names(const DmvRoots *r, DmvWorld *w)
{
    DMV_CLEANUP(cleanup_access) struct pci_access *a = NULL;
    int e = 0;

    if (w->devices_named || w->n_devices == 0 || !r->sysfs)
        return 0;
    a = open_access(r->sysfs);
    if (!a)
        return -EIO;
    for (size_t i = 0; e == 0 && i < w->n_devices; i++)
        e = set_names(a, &w->devices[i]);
    w->devices_named = e == 0;
    return e;
}
