/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the process harmless before it sees the first byte from outside. Under systemd the unit has done most
 * of this already; under --root nobody has. What the unit has done is done once more: the two know nothing of
 * each other, and a site may have changed a unit.
 */
#ifndef DMV_FETCH_CONFINE_H
#define DMV_FETCH_CONFINE_H

#include "dmv/outcome.h"

/**
 * dmv_fetch_confine() - a private folder, no privileges, limits, an empty environment, and what the kernel
 * has beside
 * @ret_folder: absolute path of the private folder, owned. It lives exactly as long as this process, however
 * that ends.
 * @reterr: filled on failure
 *
 * The folder is made in $RUNTIME_DIRECTORY, $TMPDIR or /tmp. A process of root becomes a user that owns
 * nothing else, for good. It writes into its folder and nowhere else, starts no program, and reaches nothing
 * but the network (host/landlock.h, host/syscalls.h); a kernel without Landlock or without filters of system
 * calls is said in the journal, at debug level, and one that has them and refuses them is a failure. Call it
 * once, before threads and before anything is read.
 *
 * Return: 0 or a negative errno.
 */
int dmv_fetch_confine(char **ret_folder, DmvError *reterr);

#endif
