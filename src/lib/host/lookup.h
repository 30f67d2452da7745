/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What modprobe(8) would do, by libkmod on an index and with a root's modprobe.d. */
#ifndef DMV_HOST_LOOKUP_H
#define DMV_HOST_LOOKUP_H

#include "host/roots.h"
#include "model/lookup.h"

/**
 * dmv_lookup() - what would be inserted for devices and names
 * @r: the roots, whose modprobe.d counts: etc, run, usr/local/lib, usr/lib, lib, a file hiding those of the
 * same name further down, as modprobe.d(5) says
 * @folder: absolute path of the folder that holds the index: a kernel's, or its shadow's
 * @keys: modaliases (with a colon) and names of modules, each once
 * @ret: one item a key, sorted; must be empty before
 *
 * As `modprobe --show-depends KEY` without anything loaded; for a modalias as `modprobe -b`, which is what
 * udev does: what matches and is blacklisted is passed over. A key that matches nothing has no actions; one
 * that libkmod gives up on has a problem, and the others go on.
 *
 * Return: 0; -ENOENT if there is no index in @folder; -ENOMEM; another negative errno if it cannot be read.
 */
int dmv_lookup(const DmvRoots *r, const char *folder, char *const *keys, DmvLookups *ret);

#endif
