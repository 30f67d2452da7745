/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FORGET_CRASH_H
#define FORGET_CRASH_H

#include "disk.h"

/**
 * crash() - what the disk holds after the power failed, in one of the ways it may
 * @d: where the power failed
 * @seed: decides what of that which need not have lasted did
 * @out: folder that is made, with what is found after the reboot
 * @inodes: file that is written: for each inode in @out its number and the one that it had before, see
 * serve()
 *
 * Changes that need not have lasted are there or not, as far as the order allows; a file that was written
 * since its last sync has what it had then, or a part of what was written, or zeros in its place, or all.
 *
 * Return: 0, or a negative errno.
 */
int crash(Disk *d, uint64_t seed, const char *out, const char *inodes);

#endif
