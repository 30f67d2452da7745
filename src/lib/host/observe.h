/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Observe: the edges, each filling its part of the World. One external library or kernel interface a file.
 *
 * Every function collects what it cannot read as a problem of the World and goes on; it returns a negative
 * errno only for lack of memory or when the whole source is unusable for another reason than not being there.
 */
#ifndef DMV_HOST_OBSERVE_H
#define DMV_HOST_OBSERVE_H

#include "host/roots.h"
#include "model/module-policy.h"
#include "model/world.h"

/* pci.c: devices with ids and class by libpci over <sysfs>/bus/pci. */
int dmv_observe_pci(const DmvRoots *r, DmvWorld *w);
/* pci.c: names of the devices by libpci's pci.ids, once a World. Not a part of dmv_observe(): reading that
 * file takes longer than everything else, and only those who show devices to people need it. */
int dmv_observe_pci_names(const DmvRoots *r, DmvWorld *w);
/* udev.c: modalias, bound driver and module, interfaces, block devices, SR-IOV, for the devices that pci.c
 * found. On the running system by libudev; from a recorded sysfs folder by the same attributes and links. */
int dmv_observe_udev(const DmvRoots *r, DmvWorld *w);
/* dmi.c: vendor and product from <sysfs>/class/dmi/id. */
int dmv_observe_dmi(const DmvRoots *r, DmvWorld *w);
/* kernel.c: kernels below <root>/<modules> and their module files (tree walk); the running one by uname(2)
 * when the root is the running system, or by <procfs>/sys/kernel/osrelease when that was named. */
int dmv_observe_kernels(const DmvRoots *r, DmvWorld *w);
/* kernel.c: one of them, if it is one. */
int dmv_observe_kernel(const DmvRoots *r, const char *release, DmvWorld *w);
/* module.c (libkmod): for each kernel with an index, the modules for each device's modalias, and the path of
 * each of those and of each module in @names. What an earlier call found is replaced. */
int dmv_observe_indexes(const DmvRoots *r, DmvWorld *w, char *const *names);
/* module.c, before that: adds to @names the modules that modules.dep places outside of kernel/. Where such a
 * file has gone, nothing else asks for it. */
int dmv_observe_placed(const DmvRoots *r, DmvWorld *w, char ***names);
/* loaded.c: <sysfs>/module: version, srcversion, build-id and vendor notes of what is loaded. */
int dmv_observe_loaded(const DmvRoots *r, DmvWorld *w);
/* lifeline.c: what root disk, swap and management interface stand on, by <procfs> and <sysfs>. What cannot be
 * followed to a device is a problem whose object begins with "lifeline ". */
int dmv_observe_lifelines(const DmvRoots *r, DmvWorld *w);
/* store.c: installed releases in the store, <kver>/dmv and <kver>/xenserver. */
int dmv_observe_installed(const DmvRoots *r, DmvWorld *w);
/* store.c: one release of the store; what is wrong with it, also that it is not there, is its problem. */
int dmv_observe_release(const DmvRoots *r, const char *kernel, const char *driver, const char *variant,
                        const char *version, DmvWorld *w);
/* depmod.c: our 00-dmv.conf. */
int dmv_observe_depmod(const DmvRoots *r, DmvWorld *w);

/* detail.c, after the indexes: build-ids of the running kernel's own files for managed modules that are
 * loaded, where they are not known yet. */
int dmv_observe_build_ids(const DmvRoots *r, DmvWorld *w);
/* detail.c: links below usr/lib/firmware/updates/<kver>. */
int dmv_observe_firmware(const DmvRoots *r, DmvWorld *w);

/* observe.c: all of it, in order, and meanwhile what depmod can do; names of modules in question are those of
 * installed releases, of links in the trees and of @more (may be NULL). */
int dmv_observe(const DmvRoots *r, char *const *more, DmvWorld *ret);
/* observe.c: devices, lifelines and what is loaded, anew, into a World that has the rest (after a hotplug
 * event). */
int dmv_observe_hardware(const DmvRoots *r, DmvWorld *w);
/* observe.c: has the kernel told of anything (a module, a device, a driver that was bound) since the World's
 * hardware was looked at? One small file is read. No, where <sysfs> does not count events. */
bool dmv_observe_is_behind(const DmvRoots *r, const DmvWorld *w);

/* module-policy.c: signature enforcement, lockdown and keys of the kernel that <sysfs> and <procfs> are of.
 * @ret: must be empty before. Return: 0, or -ENOMEM. */
int dmv_observe_module_policy(const DmvRoots *r, DmvModulePolicy *ret);

/**
 * dmv_module_read() - what one module file says (libkmod-independent: libelf, libarchive for .xz/.zst/.gz)
 * @fd: the file, read from its beginning
 * @ret: filled; free with dmv_module_info_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Reads .modinfo, .note.gnu.build-id, .note.XenServer and the signature's claims. At most 128 MiB
 * uncompressed.
 *
 * Return: 0; DMV_MODULE_NOT_ELF, DMV_TOO_LARGE, DMV_MALFORMED; a negative errno.
 */
int dmv_module_read(int fd, DmvModuleInfo *ret, DmvError *reterr);
/* The same from memory (an uncompressed module). The fuzz target. */
int dmv_module_parse(const void *data, size_t size, DmvModuleInfo *ret, DmvError *reterr);

/* Modules that `modprobe NAME` or a device's modalias would load now, by libkmod on a kernel's real index.
 * @ret_path: relative to the kernel's folder, owned; NULL for a built-in. Return: 0; DMV_NO_SUCH_OBJECT;
 * -errno. */
int dmv_module_lookup(const DmvRoots *r, const char *kver, const char *name_or_modalias, char **ret_name,
                      char **ret_path);

/* hotplug.c: a udev monitor for PCI devices, bound or gone, on an event loop. */
struct sd_event;
typedef struct DmvHotplug DmvHotplug;
int dmv_hotplug_new(struct sd_event *event, void (*cb)(const char *action, const char *slot, void *userdata),
                    void *userdata, DmvHotplug **ret);
DmvHotplug *dmv_hotplug_free(DmvHotplug *h);

#endif
