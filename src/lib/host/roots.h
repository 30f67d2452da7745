/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where everything is. No other file knows an absolute path.
 *
 * root prefixes every file that is read or written; sysfs and procfs say where hardware and the kernel's
 * state are read from. Under a root that is not "/", sysfs and procfs of the running machine say nothing
 * about that root, so they are only used if they were named.
 */
#ifndef DMV_HOST_ROOTS_H
#define DMV_HOST_ROOTS_H

#include <stdbool.h>

#include "base/cleanup.h"

/* Paths relative to the root. */
#define DMV_STORE_DIR "usr/lib/dmv/store"
#define DMV_STATE_DIR "var/lib/dmv"
#define DMV_RUN_DIR "run/dmv"
/* Where packages put variants, at the top of a kernel's folder: initializer of a list of names. */
#define DMV_VARIANT_FOLDERS \
    {                       \
        "dmv", "xenserver"  \
    }
#define DMV_DEPMOD_DIR "etc/depmod.d"
#define DMV_DEPMOD_CONF "etc/depmod.d/00-dmv.conf"
#define DMV_CONF_DIR "etc/dmv"
#define DMV_STREAMS_DIR "etc/dmv/streams.d"
#define DMV_TRUST_SITE_DIR "etc/dmv/trust"
#define DMV_TRUST_VENDOR_DIR "usr/share/dmv/trust"
#define DMV_FIRMWARE_DIR "usr/lib/firmware/updates"

typedef struct DmvRoots {
    char *root;    /* absolute, without trailing slash; "" for the running system */
    char *sysfs;   /* absolute path of sysfs, or NULL: unknown */
    char *procfs;  /* absolute path of procfs, or NULL: unknown */
    int fd;        /* O_PATH descriptor of the root */
    char *modules; /* relative to the root: "usr/lib/modules", or "lib/modules" on a system that is not merged
                    */
    bool running;  /* the root is the running system */
    bool live_sysfs;   /* sysfs is the running system's, so that libudev knows it too */
    char **management; /* interfaces by which the host is reached, as it was told; NULL: those of the default
                          routes */
} DmvRoots;

/**
 * dmv_roots_init() - open a root
 * @r: to fill
 * @root: path, NULL or "/" for the running system
 * @sysfs: path, or NULL: /sys of the running system, nothing under another root
 * @procfs: path, or NULL: likewise
 *
 * Return: 0, or a negative errno (-ENOENT, -ENOTDIR, ...).
 */
int dmv_roots_init(DmvRoots *r, const char *root, const char *sysfs, const char *procfs);
void dmv_roots_deinit(DmvRoots *r);

/* "<root>/<relative>" as a new string, NULL for lack of memory. */
char *dmv_roots_path(const DmvRoots *r, const char *relative);
/* "<modules>/<kver>[/<rest>]", relative to the root, as a new string; @rest may be NULL. */
char *dmv_roots_kernel_path(const DmvRoots *r, const char *kver, const char *rest);

/* Does a path, relative to a kernel's folder, lie below one of DMV_VARIANT_FOLDERS? The folder itself is
 * none. */
bool dmv_roots_lies_in_variant(const char *path);

#endif
