/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the initrd images of a kernel hold of the modules that its devices need. */
#ifndef DMV_APPLY_IMAGES_H
#define DMV_APPLY_IMAGES_H

#include "host/roots.h"
#include "model/outlook.h"

/**
 * dmv_forecast_images() - add the images to an outlook, and the build-ids that they are compared with
 * @r: the roots
 * @now: absolute path of the folder that the paths in @o->now are relative to
 * @next: the same for @o->next
 * @o: with the lookups; images are added, and build-ids of actions whose modules are in one of them
 *
 * An image that cannot be read becomes one with a problem, and hides no other.
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_forecast_images(const DmvRoots *r, const char *now, const char *next, DmvOutlook *o);

#endif
