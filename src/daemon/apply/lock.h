/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One worker per root: a lock that the kernel drops when its holder dies. */
#ifndef DMV_APPLY_LOCK_H
#define DMV_APPLY_LOCK_H

#include <stdint.h>

#include "daemon/shared/leftovers.h"
#include "dmv/outcome.h"
#include "host/roots.h"

/**
 * dmv_lock_take() - be the only worker of a root
 * @r: the roots
 * @wait_usec: how long to wait for it; a worker whose daemon went away needs a moment to undo and to end
 * @ret: the lock; it is held until this descriptor is closed or the process ends
 * @reterr: filled on a refusal, may be NULL
 *
 * flock(2) on a file that holds the process id of whoever holds it. The file stays: removing it would let two
 * processes hold locks on two files of the same name.
 *
 * Return: 0; DMV_BUSY naming the process that holds it; DMV_NO_SPACE, DMV_READ_ONLY; a negative errno.
 */
int dmv_lock_take(const DmvRoots *r, uint64_t wait_usec, int *ret, DmvError *reterr);

#endif
