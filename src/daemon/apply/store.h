/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names in the store.
 *
 * Those that begin with a dot are the worker's own: a release is made under one and leaves under one, and
 * whatever still has such a name when the lock is free belongs to a process that died.
 */
#ifndef DMV_APPLY_STORE_H
#define DMV_APPLY_STORE_H

#include "daemon/shared/leftovers.h"
#include "dmv/outcome.h"
#include "host/roots.h"

/* Return: 0, or DMV_INVALID_NAME if one of them may not be a component of a path. */
int dmv_store_check_names(const char *driver, const char *variant, const char *version, const char *kernel,
                          DmvError *reterr);

/* Folder of a release, relative to the root, owned by the caller; NULL for lack of memory. */
char *dmv_store_folder(const char *driver, const char *variant, const char *version, const char *kernel);

/* Opens the folder that holds the store, following no links. What is done there, with dmv_store_below() as
 * the path, stays there, whatever becomes a link meanwhile. Return: a descriptor, or a negative errno. */
int dmv_store_open_above(const DmvRoots *r);
/* A path in the store, which is relative to the root, relative to that folder. */
const char *dmv_store_below(const char *path);

/* A name in the store, relative to the root, that nobody has. Return: 0, or a negative errno. */
int dmv_store_hidden_name(const char *prefix, char **ret);

#endif
