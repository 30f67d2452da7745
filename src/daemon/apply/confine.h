/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a worker takes from itself before it listens. */
#ifndef DMV_APPLY_CONFINE_H
#define DMV_APPLY_CONFINE_H

#include "host/roots.h"

/**
 * dmv_confine() - less of everything
 * @roots: where it works. Its own folders there, and those of depmod's settings and of firmware, are made if
 * they are missing.
 *
 * umask 022, no_new_privs (prctl(2)), an empty environment; no core files, and limits for files and
 * descriptors; no network where it may leave the one that it is in; six capabilities; and where the kernel
 * has them, Landlock and a filter of system calls: it changes nothing but module trees, store, depmod's
 * settings, firmware, boot folders, dmv's state and temporary files. A kernel without one of them is said in
 * the journal, at debug level; one that has it and refuses it is a failure. The unit says the same and more
 * (systemd.exec(5)); this is what holds under --root too. Call it after the sockets were taken: those are
 * named in the environment.
 *
 * Return: 0, or a negative errno.
 */
int dmv_confine(const DmvRoots *roots);

#endif
