/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which interfaces have a carrier. */
#ifndef DMV_HOST_LINKS_H
#define DMV_HOST_LINKS_H

#include "host/roots.h"
#include "model/world.h"

/**
 * dmv_links_observe() - look at the carriers
 * @r: the host
 * @w: its World: the interfaces of its devices are looked at, and those by which it is reached
 * @ret: names of those that have one, owned by the caller; NULL: none has
 *
 * One that is not up has no carrier, whatever its cable says; those of virtual functions are left out.
 *
 * Return: 0, or a negative errno.
 */
int dmv_links_observe(const DmvRoots *r, const DmvWorld *w, char ***ret);

#endif
