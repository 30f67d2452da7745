/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The images of a generation on trial, and the one-shot entry of the boot loader that starts them
 * (dmv-boot(7)). A transaction builds them beside the images of the default entry; here they become those, or
 * go.
 */
#ifndef DMV_APPLY_TRIAL_H
#define DMV_APPLY_TRIAL_H

#include "dmv/outcome.h"
#include "host/roots.h"

/* Has a kernel an image of a trial? Return: 0, or a negative errno. */
int dmv_trial_exists(const DmvRoots *r, const char *kver, bool *ret);

/**
 * dmv_trial_arm() - boot the trial's image next, once
 * @r: the roots, of the running system
 * @kver: release of the kernel that runs
 * @generation: that is on trial
 * @reterr: filled on a refusal, may be NULL
 *
 * The entry starts that kernel with the command line that it has now.
 *
 * Return: 0; DMV_NOT_INSTALLED if there is no GRUB; DMV_NO_SUCH_OBJECT if there is no image; what
 * dmv_boot_files_find(), dmv_bootloader_write() and dmv_bootloader_arm() return.
 */
int dmv_trial_arm(const DmvRoots *r, const char *kver, int64_t generation, DmvError *reterr);

/* The next boot is one by the default entry. Without GRUB's folder, which is not there early in a boot where
 * /boot is a filesystem of its own, there is nothing to do. Return: as dmv_bootloader_disarm(). */
int dmv_trial_disarm(const DmvRoots *r, DmvError *reterr);

/**
 * dmv_trial_promote() - what was tried becomes what the default entry starts
 *
 * For every kernel; what was there before stays as the previous image. Can be repeated after it was
 * interrupted.
 *
 * Return: 0; DMV_NOT_INSTALLED if GRUB's folder is not there, and so perhaps not /boot; DMV_NO_SPACE,
 * DMV_READ_ONLY; a negative errno.
 */
int dmv_trial_promote(const DmvRoots *r, DmvError *reterr);

/* Disarms, and removes the entry and the images. Return: as dmv_trial_disarm(). */
int dmv_trial_drop(const DmvRoots *r, DmvError *reterr);

#endif
