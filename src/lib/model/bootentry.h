/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot loader's entry for a generation on trial: text for GRUB 2, made from plain data.
 *
 * It boots the kernel that the default entry boots, with the command line that the kernel has now, so nothing
 * of GRUB's own configuration is read or repeated.
 */
#ifndef DMV_MODEL_BOOTENTRY_H
#define DMV_MODEL_BOOTENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"

/* How GRUB's environment names it. */
#define DMV_BOOT_ENTRY_ID "dmv-trial"
#define DMV_BOOT_ENTRY_CMDLINE_MAX 4096u /* bytes; what the kernel takes at most on most machines */

typedef struct DmvBootEntry {
    int64_t generation; /* from 1 */
    const char *kernel; /* release, for the title */
    const char *fs_uuid;
    const char *kernel_path; /* on that filesystem, as GRUB sees it: "/vmlinuz-6.1.0" */
    const char *initrd_path;
    const char *cmdline; /* as in /proc/cmdline */
} DmvBootEntry;

/**
 * dmv_boot_entry_render() - the text of the entry
 * @e: what to boot
 * @ret: the text, owned by the caller
 * @reterr: filled on a refusal, may be NULL
 *
 * Of the command line BOOT_IMAGE=, initrd=, dmv.generation=, panic=, rd.shell= and rd.emergency= are left
 * out. Added are dmv.generation=N, by which dmv-boot knows the entry, and panic=30, rd.shell=0 and
 * rd.emergency=reboot: a trial that cannot come up has to end, in the kernel as in the initrd
 * (initramfs-tools(7) and dracut.cmdline(7)), and the next boot is one by the default entry. The entry is
 * there only as long as its initrd is: GRUB then takes the default one.
 *
 * Return: 0; DMV_TOO_LARGE for a command line above DMV_BOOT_ENTRY_CMDLINE_MAX; DMV_MALFORMED for a path or a
 * command line that GRUB would not hand on as it is (quotes that do not end, backslashes, ', control
 * characters); -ENOMEM.
 */
int dmv_boot_entry_render(const DmvBootEntry *e, char **ret, DmvError *reterr);

/**
 * dmv_boot_entry_default() - is a kernel the one that GRUB boots by default?
 * @config: text of grub.cfg, as grub-mkconfig makes it
 * @saved: saved_entry of the environment; NULL or "" if there is none
 * @kernels: releases of those that can be booted
 * @running: one of them
 *
 * What is asked for by its place in the menu is the newest kernel if that place is the first; what is asked
 * for by name is the kernel that the name holds.
 *
 * Return: NULL if it is, else why that is not so or not known, static.
 */
const char *dmv_boot_entry_default(const char *config, const char *saved, char *const *kernels,
                                   const char *running);

/**
 * dmv_boot_entry_mark() - which generation's entry a kernel was booted by
 * @cmdline: its command line
 *
 * Return: the number of the last dmv.generation=, or 0 if there is none or it is no number.
 */
int64_t dmv_boot_entry_mark(const char *cmdline);

#endif
