/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is mounted and what is swapped to, as procfs says it (proc(5): mountinfo, swaps). */
#ifndef DMV_MODEL_MOUNTS_H
#define DMV_MODEL_MOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Mounts that are looked at; a host with 10,000 containers has some 30,000. */
#define DMV_MOUNTS_MAX 131072
#define DMV_MOUNTS_MAX_BYTES ((size_t)32 << 20)

typedef struct DmvMount {
    uint32_t major, minor; /* major 0: a filesystem without a block device of its own */
    char *root;            /* what of the filesystem is mounted: "/", without escapes */
    char *point;           /* absolute, without escapes */
    char *type;            /* "ext4" */
    char *source;          /* "/dev/sda2", "server:/export", "none" */
    char *options;         /* of the filesystem */
} DmvMount;

typedef struct DmvMounts {
    DmvMount *items; /* in the order of the kernel: the last one of a mount point is the one on top */
    size_t n;
    size_t n_odd; /* lines that are no mount */
} DmvMounts;

void dmv_mounts_deinit(DmvMounts *m);
#define DMV_CLEANUP_MOUNTS DMV_CLEANUP(dmv_mounts_deinit)

/**
 * dmv_mounts_parse() - read a mountinfo
 * @data: the bytes, need not end in a NUL
 * @ret: must be empty before; free with dmv_mounts_deinit()
 *
 * A line that is cut or odd is counted and left out; it never hides the others.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_mounts_parse(const char *data, size_t size, DmvMounts *ret);

/* The mount on top of exactly this point, or NULL. */
const DmvMount *dmv_mounts_at(const DmvMounts *m, const char *point);
/* The mount that holds an absolute path, or NULL. */
const DmvMount *dmv_mounts_of_path(const DmvMounts *m, const char *path);
/* Where on its filesystem a path lies that this mount holds, as a new string. Return: 0, or -ENOMEM. */
int dmv_mount_inside(const DmvMount *m, const char *path, char **ret);
/* The value of an option ("addr" of "rw,addr=10.0.0.1"), owned by the caller. Return: 0, also if it is not
 * there (@ret NULL); -ENOMEM. */
int dmv_mount_option(const char *options, const char *name, char **ret);

/**
 * dmv_swaps_parse() - read the list of swaps
 * @ret_partitions: block devices, such as "/dev/dm-1"
 * @ret_files: paths of files
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_swaps_parse(const char *data, size_t size, char ***ret_partitions, char ***ret_files);

#endif
