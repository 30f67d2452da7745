/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GRUB 2: an entry of our own, and having it booted once.
 *
 * The entry is a file of our own, dmv.cfg in GRUB's folder. GRUB comes to it by custom.cfg there, which every
 * grub.cfg that grub-mkconfig makes reads when it boots (41_custom), so grub.cfg is not made anew. A
 * custom.cfg that is not ours is never edited: it has to source dmv.cfg itself.
 *
 * next_entry in GRUB's environment is the entry of the next boot. grub.cfg takes it out and writes the
 * environment back before it boots it; where GRUB cannot write, every boot would be one by that entry, and no
 * trial would end. So the filesystem has to be one that GRUB surely writes.
 */
#ifndef DMV_HOST_BOOTLOADER_H
#define DMV_HOST_BOOTLOADER_H

#include <stdint.h>

#include "host/roots.h"
#include "model/bootentry.h"

#define DMV_BOOTLOADER_ENTRY "dmv.cfg" /* in GRUB's folder */

typedef struct DmvBootloader {
    char *folder;        /* of its environment, relative to the root, without links; NULL: there is no GRUB */
    const char *editenv; /* the tool that changes the environment, static */
} DmvBootloader;
void dmv_bootloader_deinit(DmvBootloader *b);
#define DMV_CLEANUP_BOOTLOADER DMV_CLEANUP(dmv_bootloader_deinit)

/* Finds GRUB: boot/grub/grubenv or boot/grub2/grubenv. Return: 0, also if there is none; a negative errno. */
int dmv_bootloader_find(const DmvRoots *r, DmvBootloader *ret);

/* What GRUB's folder lies on. */
typedef struct DmvBootPlace {
    int64_t fs_type;     /* f_type of statfs(2) */
    bool is_disk;        /* a block device that sysfs knows */
    bool is_raid;        /* Linux software RAID */
    const char *dm_uuid; /* of device mapper, NULL: it is none */
} DmvBootPlace;

/**
 * dmv_bootloader_can_write() - can GRUB write a file there?
 *
 * grub-mkconfig's own rule (00_header) names what it cannot: btrfs, ZFS, images, and whatever lies on LVM or
 * software RAID. Here is named what it can: ext2 to ext4, XFS and FAT on a disk, a partition or a multipath
 * device; what nobody has tried is a no.
 *
 * Return: NULL if it can, else why not, static.
 */
const char *dmv_bootloader_can_write(const DmvBootPlace *p);

/**
 * dmv_bootloader_check() - is an entry for one boot possible?
 * @r: the roots
 * @b: with a folder
 * @reterr: why not, and what to do
 *
 * Return: 0; DMV_NOT_INSTALLED if GRUB's tools or its configuration are not there; DMV_READ_ONLY if GRUB
 * could not forget the entry; DMV_CONFLICT if a custom.cfg of somebody else does not lead to our file, and in
 * Xen's control domain, whose entries start Xen first; a negative errno.
 */
int dmv_bootloader_check(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr);

/**
 * dmv_bootloader_check_default() - does GRUB boot the kernel that runs, unless told otherwise?
 * @kernels: releases of those that can be booted
 * @running: one of them
 * @reterr: why not, and what to do
 *
 * An entry for one boot starts the kernel that runs; where the next boot is to start another one, that comes
 * first.
 *
 * Return: 0; DMV_CONFLICT if not, or if it is not known; DMV_NOT_INSTALLED, DMV_TOOL_FAILED; a negative
 * errno.
 */
int dmv_bootloader_check_default(const DmvRoots *r, const DmvBootloader *b, char *const *kernels,
                                 const char *running, DmvError *reterr);

/* Puts the entry in place, and custom.cfg if there is none. Return: as dmv_boot_entry_render(), or a negative
 * errno. */
int dmv_bootloader_write(const DmvRoots *r, const DmvBootloader *b, const DmvBootEntry *e, DmvError *reterr);
/* Removes the entry; custom.cfg stays. Return: 0, or a negative errno. */
int dmv_bootloader_remove(const DmvRoots *r, const DmvBootloader *b);
/* Has the entry booted next, once. Return: 0; DMV_TOOL_FAILED; a negative errno. */
int dmv_bootloader_arm(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr);
/* Takes that back; what somebody else wants booted next stays. Return: as above. */
int dmv_bootloader_disarm(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr);
/* Return: as above. */
int dmv_bootloader_is_armed(const DmvRoots *r, const DmvBootloader *b, bool *ret, DmvError *reterr);

#endif
