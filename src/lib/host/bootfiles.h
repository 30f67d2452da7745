/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files a boot loader starts a kernel with, and where it finds them. */
#ifndef DMV_HOST_BOOTFILES_H
#define DMV_HOST_BOOTFILES_H

#include "dmv/outcome.h"
#include "host/roots.h"

/* As the boot loader sees them: paths on one filesystem, beginning with '/'. */
typedef struct DmvBootFiles {
    char *fs_uuid;
    char *kernel, *initrd;
} DmvBootFiles;
void dmv_boot_files_deinit(DmvBootFiles *f);
#define DMV_CLEANUP_BOOT_FILES DMV_CLEANUP(dmv_boot_files_deinit)

/**
 * dmv_boot_kernel_find() - the file of a kernel
 * @r: the roots
 * @kver: kernel release
 * @initrd: an image of it, relative to the root: the kernel may lie beside it; NULL: there is none
 * @ret: relative to the root, NULL if there is none; owned by the caller
 *
 * boot/vmlinuz-KVER, or beside the image vmlinuz-KVER or linux (systemd's kernel-install).
 *
 * Return: 0, or a negative errno.
 */
int dmv_boot_kernel_find(const DmvRoots *r, const char *kver, const char *initrd, char **ret);

/**
 * dmv_boot_files_find() - where a boot loader finds a kernel and an image
 * @r: the roots, of the running system
 * @kver: kernel release
 * @initrd: the image, relative to the root
 * @ret: must be empty before; free with dmv_boot_files_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * The filesystem's UUID is what udev knows of it (ID_FS_UUID), the place on it what the mount says (proc(5),
 * mountinfo).
 *
 * Return: 0; DMV_NO_SUCH_OBJECT if a file or the UUID is not there; DMV_CONFLICT if the two do not lie on the
 * same filesystem; a negative errno.
 */
int dmv_boot_files_find(const DmvRoots *r, const char *kver, const char *initrd, DmvBootFiles *ret,
                        DmvError *reterr);

#endif
