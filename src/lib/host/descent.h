/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descent: from something that the host needs down to the PCI functions that carry it, through sysfs. The
 * way is a tree (a mirror has two disks, a bond two cards) and may run in circles when sysfs is odd, so
 * everything that was passed is remembered, and the number of stations is limited.
 */
#ifndef DMV_HOST_DESCENT_H
#define DMV_HOST_DESCENT_H

#include "base/text.h"
#include "model/mounts.h"
#include "model/routes.h"

/* Stations of a descent: far above what a host has, far below what a stack can hold. */
#define DMV_DESCENT_MAX_DEPTH 32
#define DMV_DESCENT_MAX_STATIONS 1024

typedef struct DmvDescent {
    int sysfs;               /* descriptor of the folder */
    int udev;                /* descriptor of udev's database, or -1 */
    const DmvMounts *mounts; /* borrowed */
    const DmvRoutes *routes; /* borrowed */
    DmvText chain;           /* the words so far */
    char **slots, **modules;
    char **seen;    /* stations that were passed */
    char **unknown; /* where it did not go on, and why */
    size_t n_ends;  /* how often something was reached that needs nothing else */
    unsigned depth;
} DmvDescent;

void dmv_descent_deinit(DmvDescent *d);
#define DMV_CLEANUP_DESCENT DMV_CLEANUP(dmv_descent_deinit)

/* What a station is called, and how its descent goes on. */
typedef int (*DmvDescentStep)(DmvDescent *d, const char *name);

/* block.c: a block device by its name in class/block, and what it lies on. Return: 0 or -ENOMEM, as all of
 * these. */
int dmv_descent_block(DmvDescent *d, const char *name);
/* node.c: the block device that a node below /dev is, "/dev/mapper/vg-root", "/dev/vg/root" and
 * "/dev/disk/by-id/..." too. */
int dmv_descent_node(DmvDescent *d, const char *node);
/* node.c: the name of the mapped device with that label ("dm-1" of "vg-root"), owned by the caller; NULL if
 * there is none. */
int dmv_descent_mapped(const DmvDescent *d, const char *label, char **ret);
/* block.c: the filesystem of a mount. */
int dmv_descent_mount(DmvDescent *d, const DmvMount *m);
/* block.c: the filesystem that holds a file, by its absolute path. */
int dmv_descent_file(DmvDescent *d, const char *path);
/* net.c: a network interface, and what carries it. */
int dmv_descent_interface(DmvDescent *d, const char *name);
/* net.c: the interface that leads to an address. */
int dmv_descent_address(DmvDescent *d, const char *address);
/* descent.c: a PCI function that was given to a guest. Nothing of the host's drives it, but a virtual one
 * lives as long as its physical function does. */
int dmv_descent_given(DmvDescent *d, const char *slot);

/* descent.c, for the two above */

/* A device's folder below sysfs ("devices/pci0000:00/..."): the PCI function that it hangs on, and the
 * modules that drive everything from there up. */
int dmv_descent_device(DmvDescent *d, const char *path);
/* A device that hangs on no PCI function, such as the disk of a Xen guest: the one on its way up that a
 * driver is bound to. */
int dmv_descent_other_bus(DmvDescent *d, const char *path);
/* " on A and B": goes on with each of them. @optional: those that lead nowhere are not mentioned. */
int dmv_descent_each(DmvDescent *d, char *const *names, DmvDescentStep step, bool optional);
/* " on A": goes on with this one. */
int dmv_descent_one(DmvDescent *d, const char *name, DmvDescentStep step);
/* Says a station's name. Return: 1; 0 if it was passed before or there are too many; -ENOMEM. */
int dmv_descent_enter(DmvDescent *d, const char *kind, const char *name);
/* Says why the descent does not go on from here. */
int dmv_descent_unknown(DmvDescent *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Where a link of sysfs leads; NULL if that is not there. */
int dmv_descent_resolve(const DmvDescent *d, const char *path, char **ret);
/* An attribute "<folder>/<name>"; NULL if it is not there or cannot be read. */
int dmv_descent_text(const DmvDescent *d, const char *folder, const char *name, char **ret);
/* Entries of a folder that begin with @prefix, without it when @cut; none if it is not there. */
int dmv_descent_list(const DmvDescent *d, const char *folder, const char *prefix, bool cut, char ***ret);
/* Is there "<folder>/<name>"? */
bool dmv_descent_has(const DmvDescent *d, const char *folder, const char *name);
/* "<a>/<b>", owned by the caller; NULL for lack of memory. */
char *dmv_descent_join(const char *a, const char *b);

#endif
