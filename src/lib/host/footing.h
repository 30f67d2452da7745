/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Footings: what the devices of guests stand on, by the same descents as lifelines (descent.h). */
#ifndef DMV_HOST_FOOTING_H
#define DMV_HOST_FOOTING_H

#include "host/roots.h"
#include "model/guest.h"

/**
 * dmv_observe_footings() - go down from every backing of every guest
 * @r: the roots; without a sysfs or a procfs every footing is unknown
 * @g: the guests; a backing that several have is gone down from once
 * @problems: for what cannot be read; where a descent ends early is said in the footing
 * @ret: must be empty before; free with dmv_footings_deinit(). In the order that dmv_footings_find() needs
 *
 * A PCI function that was given to a guest stands on nothing of the host's, unless it is a virtual one: then
 * on its physical function. A backing of the kind DMV_BACKING_OTHER has no footing.
 *
 * Return: 0, or a negative errno.
 */
int dmv_observe_footings(const DmvRoots *r, const DmvGuests *g, DmvProblems *problems, DmvFootings *ret);

#endif
