/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which package owns a file, by the RPM database of a root. Only the fetch worker links this: librpm may
 * exit() or crash over what a database holds.
 */
#ifndef DMV_TRUST_OWNERS_H
#define DMV_TRUST_OWNERS_H

#include <stdbool.h>
#include <stddef.h>

#include "dmv/outcome.h"

/* Of one question. */
#define DMV_OWNERS_PATHS_MAX 4096
#define DMV_OWNERS_PACKAGES_MAX 1024

typedef struct DmvOwnerPackage {
    char *name;
    char *nevra;   /* NAME-[EPOCH:]VERSION-RELEASE.ARCH */
    bool verified; /* the record has a digest of itself, and it is right */
} DmvOwnerPackage;

/* A file and one of the packages that own it, as indexes. */
typedef struct DmvOwnership {
    size_t path, package;
} DmvOwnership;

typedef struct DmvOwners {
    DmvOwnerPackage *packages; /* in the order in which they were found */
    size_t n_packages;
    DmvOwnership *pairs; /* by path, then by the package's NEVRA */
    size_t n_pairs;
    char *problem; /* why an owner may be missing, or NULL: whoever is not named has none */
} DmvOwners;

void dmv_owners_deinit(DmvOwners *o);

/**
 * dmv_owners_find() - ask a database
 * @folder: absolute path of a private copy (dmv_rpmdb_copy()): librpm may lock and change it
 * @backend: what librpm calls this kind of database
 * @paths: relative to the root, at most DMV_OWNERS_PATHS_MAX. "lib/..." and "usr/lib/..." are the same file.
 * @ret: must be empty before; free with dmv_owners_deinit()
 *
 * Of rpm's configuration nothing is read, neither the host's nor the root's.
 *
 * Return: 0; DMV_OWNERS_UNKNOWN if this librpm does not read such a database, or it is damaged; -E2BIG for
 * too many paths; -ENOMEM, -EINVAL.
 */
int dmv_owners_find(const char *folder, const char *backend, char *const *paths, DmvOwners *ret,
                    DmvError *reterr);

#endif
