/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The locks of package managers: is one of them changing files right now? */
#ifndef DMV_HOST_PACKAGELOCK_H
#define DMV_HOST_PACKAGELOCK_H

#include "host/roots.h"

/**
 * dmv_package_lock_held() - does another process hold rpm's or dpkg's lock of this root?
 * @r: the roots
 *
 * It is only looked at, never taken: a package manager would fail if it met it. One that starts in the next
 * moment is not seen.
 *
 * Return: the path of the lock, relative to the root, static; NULL if none is held, or none can be read.
 */
const char *dmv_package_lock_held(const DmvRoots *r);

#endif
