/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Capabilities that a process takes from itself, see capabilities(7). */
#ifndef DMV_HOST_CAPABILITIES_H
#define DMV_HOST_CAPABILITIES_H

#include <linux/capability.h>
#include <stdint.h>

#define DMV_CAPABILITY(c) (UINT64_C(1) << (c))

/**
 * dmv_capabilities_bound() - no program that is started from now on has more than these
 * @keep: DMV_CAPABILITY(CAP_*) of those that stay in the bounding set
 *
 * Needs CAP_SETPCAP: without it nothing is done. A process has none that a service manager or a container has
 * bound already, or that never had any.
 *
 * Return: 0, or a negative errno.
 */
int dmv_capabilities_bound(uint64_t keep);
/**
 * dmv_capabilities_keep() - have no more than these, for good
 * @keep: as above; one that the process does not have it does not get
 *
 * Return: 0, or a negative errno.
 */
int dmv_capabilities_keep(uint64_t keep);

#endif
