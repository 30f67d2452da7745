/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads initrd images, to know which file of a module the kernel gets to see before the root filesystem.
 *
 * The image is whatever the kernel accepts (Documentation/driver-api/early-userspace/buffer-format): cpio
 * archives in the newc format one after another, each plain or inside a compressed stream, with zeros between
 * them. Nothing is written to the disk, and of the members only modules and the few files of modprobe.d are
 * kept, one at a time.
 */
#ifndef DMV_HOST_INITRD_H
#define DMV_HOST_INITRD_H

#include <stddef.h>
#include <stdint.h>

#include "host/roots.h"
#include "model/initrd.h"

/* A generic image of EL9 with all firmware has 150 MiB, one of Debian with debugging data 400 MiB. */
#define DMV_INITRD_MAX ((uint64_t)1024 * 1024 * 1024)

/**
 * dmv_initrd_find() - the images of one kernel
 * @r: the roots
 * @kver: kernel release
 * @ret_paths: relative to the root, sorted, NULL if there is none; free with dmv_strv_free()
 *
 * Knows the names of Debian, Fedora and the Enterprise Linux family, SUSE, XCP-ng and systemd's
 * kernel-install (boot/<token>/<kver>/initrd, also below boot/efi and efi), with the fallback and kdump
 * images beside them. A name that leads to the image of another name counts once.
 *
 * Return: 0, also if there is none; -EINVAL if @kver is no name of a kernel release; another negative errno.
 */
int dmv_initrd_find(const DmvRoots *r, const char *kver, char ***ret_paths);

/**
 * dmv_initrd_read() - what an image holds
 * @r: the roots
 * @path: relative to the root
 * @ret: must be empty before; free with dmv_initrd_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * A member that cannot be used becomes a problem in @ret and hides no other.
 *
 * Return: 0; DMV_TOO_LARGE above one of the limits; DMV_MALFORMED where the kernel would stop too, or an
 * archive has no end; DMV_EMPTY if there is none; -EOPNOTSUPP if libarchive is not installed or lacks the
 * compression; -EINVAL, -EISDIR if this is no regular file; another negative errno.
 */
int dmv_initrd_read(const DmvRoots *r, const char *path, DmvInitrd *ret, DmvError *reterr);
/* The same, with the SHA-256 of every module, which takes its time. */
int dmv_initrd_read_hashed(const DmvRoots *r, const char *path, DmvInitrd *ret, DmvError *reterr);
/* The same from memory. The fuzz target. */
int dmv_initrd_parse(const void *data, size_t size, DmvInitrd *ret, DmvError *reterr);

#endif
