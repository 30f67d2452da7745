/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which boot runs, and by which entry of the boot loader it came. */
#ifndef DMV_HOST_BOOTID_H
#define DMV_HOST_BOOTID_H

#include "host/roots.h"
#include "model/boot.h"

/**
 * dmv_boot_running() - look at the boot that runs
 * @r: the roots; without a procfs nothing runs
 * @ret_id: its id as the kernel made it up, "" if nothing runs or it is no id
 * @ret_mark: dmv.generation= of the kernel's command line, 0 if it has none
 *
 * Return: 0, or a negative errno.
 */
int dmv_boot_running(const DmvRoots *r, char ret_id[DMV_BOOT_ID_SIZE], int64_t *ret_mark);

#endif
