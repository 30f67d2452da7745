/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that interfaces and disks have now, with what is the same whatever they are called. */
#ifndef DMV_HOST_NAMES_H
#define DMV_HOST_NAMES_H

#include "host/roots.h"
#include "model/names.h"
#include "model/world.h"

/**
 * dmv_names_observe() - take a snapshot
 * @r: the host
 * @w: its World: the interfaces and disks of its devices are looked at
 * @ret: must be empty before; free with dmv_names_deinit()
 *
 * What sysfs does not say of one of them is left empty, and what went away meanwhile is left out.
 *
 * Return: 0, or a negative errno.
 */
int dmv_names_observe(const DmvRoots *r, const DmvWorld *w, DmvNames *ret);

#endif
