/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one initrd image holds, as far as drivers are concerned: the modules that the kernel can load before
 * the root filesystem is there.
 */
#ifndef DMV_MODEL_INITRD_H
#define DMV_MODEL_INITRD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "model/world.h"

/* A module in an image. A link counts under its own path, with the build-id and size of what it leads to. */
typedef struct DmvInitrdModule {
    char *name;     /* kernel's name, with underscores */
    char *path;     /* relative to the kernel's folder in the image: "updates/ice.ko" */
    char *kernel;   /* whose folder that is */
    char *build_id; /* NULL where the file has none */
    char *sha256;   /* of the uncompressed module; NULL unless it was asked for */
    uint64_t size;  /* bytes of the uncompressed module */
} DmvInitrdModule;

/* Which tool has made an image, by files that it puts into every one. */
typedef enum DmvInitrdMaker {
    DMV_INITRD_MAKER_UNKNOWN,
    DMV_INITRD_MAKER_INITRAMFS_TOOLS,
    DMV_INITRD_MAKER_DRACUT,
    DMV_INITRD_MAKER_MAX,
    DMV_INITRD_MAKER_INVALID = -1,
} DmvInitrdMaker;

/* The maker that a member of an image gives away. @path: clean, below the root of the image. */
DmvInitrdMaker dmv_initrd_maker_of_member(const char *path);

/* Is this the image that the maker makes of the kernel by default, and no kdump or fallback image beside it?
 * @path: as dmv_initrd_find() gives it. */
bool dmv_initrd_is_main(const char *path, const char *kernel);

typedef struct DmvInitrd {
    char *path;               /* of the image, relative to the root; NULL when it was parsed from memory */
    char *kernel;             /* whose modules are in it; NULL: of none, or of several */
    DmvInitrdModule *modules; /* sorted by kernel, then name, then path */
    size_t n_modules;
    DmvInitrdMaker maker;
    bool has_index; /* every kernel in it brings a modules.dep.bin */
    char **
        blacklist; /* kernel's names, from the etc/modprobe.d, usr/lib/modprobe.d, ... of the image; sorted */
    DmvProblems
        problems; /* members that cannot be used: a module that is no module, a link that leads nowhere */
} DmvInitrd;

void dmv_initrd_module_deinit(DmvInitrdModule *m);
void dmv_initrd_deinit(DmvInitrd *i);
#define DMV_CLEANUP_INITRD DMV_CLEANUP(dmv_initrd_deinit)

/* Sorts modules and blacklist, and fills in `kernel` by the modules. Return: 0, or -ENOMEM. */
int dmv_initrd_finish(DmvInitrd *i);

/* The first file of a module for a kernel, NULL if the image has none. @kernel may be NULL: of any. '-' and
 * '_' are the same. */
const DmvInitrdModule *dmv_initrd_module(const DmvInitrd *i, const char *kernel, const char *module);

#endif
