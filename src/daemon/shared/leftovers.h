/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an apply worker that died has left, besides its journal: a half release in the store, an index, a
 * kernel's folder or an image that it has kept aside, a shadow. None of it is in anybody's way, so only a
 * recovery removes it; this is how dmvd knows that there is something for one. What no recovery removes is
 * not among it, or there would be one with every start.
 */
#ifndef DMV_DAEMON_LEFTOVERS_H
#define DMV_DAEMON_LEFTOVERS_H

#include <stdbool.h>

#include "host/roots.h"

/* In the store: a release that is being made, and one that is being removed. */
#define DMV_STORE_STAGING ".staging-"
#define DMV_STORE_REMOVED ".removed-"
/* Below a kernel's folder: its index as it was before. Holds no .ko, so depmod finds nothing in it. */
#define DMV_KEEP_DIR ".dmv-index"
/* Below the folder of the kernels: the folder of a kernel that is made, or the one that was there before. A
 * unit's ReadWritePaths= are mounts, and nothing is renamed from one mount to another. Hidden, so that no `*`
 * finds it. */
#define DMV_EXCHANGE_DIR ".dmv-switch"
/* Beside an initrd image, with its name before it: that image as it was before. No boot loader takes such a
 * name for an image. */
#define DMV_PREVIOUS_KEPT ".dmv-kept"
/* Where a new file or link is made before it is renamed into place; depmod and modprobe ignore the name. */
#define DMV_IMAGE_TEMPORARY ".dmv-new"
/* Relative to the root: the journal of a transaction that nobody has confirmed or undone, and one that has
 * not got its name. */
#define DMV_JOURNAL_PATH DMV_STATE_DIR "/journal"
#define DMV_JOURNAL_NEXT DMV_STATE_DIR "/" DMV_IMAGE_TEMPORARY
/* Relative to the root: the lock of whoever changes something, a file that holds the process id. */
#define DMV_LOCK_PATH DMV_RUN_DIR "/apply.lock"

/**
 * dmv_leftovers_exist() - is there something that a worker has left?
 * @r: the roots
 *
 * While a worker holds the lock what is there is its own. What cannot be looked at is not there.
 */
bool dmv_leftovers_exist(const DmvRoots *r);

#endif
