/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a driver disk brings: its packages, found in the catalog that came with them.
 *
 * A name only says which package a file claims to be. Whether it is that one, its size and its hash say when
 * it is unpacked.
 */
#ifndef DMV_MODEL_IMPORT_H
#define DMV_MODEL_IMPORT_H

#include "model/resolve.h"

/* A release that has a package on the disk. */
typedef struct DmvImportRelease {
    char *name;     /* DRIVER/VARIANT@VERSION */
    char **kernels; /* that can boot here and that the disk has a package for; may be empty */
    char **paths;   /* of these packages on the disk, in the same order */
} DmvImportRelease;

typedef struct DmvImport {
    DmvImportRelease *releases; /* in the order of the catalog */
    size_t n_releases;
    char **unknown; /* paths of packages that the catalog does not name */
} DmvImport;

/* Have all packages names of their own? @paths: see below. Return: 0; DMV_MALFORMED; -ENOMEM. */
int dmv_import_check(char *const *paths, DmvError *reterr);

/**
 * dmv_import_match() - which releases lie on a disk
 * @v: made with the disk's catalog among its sources
 * @c: the disk's catalog
 * @paths: of all packages on the disk. What counts is the last component, since a pack may have left out the
 *         folders of the repository.
 * @ret: must be empty; owns all of its strings, so that it outlives the View
 * @reterr: filled on a refusal
 *
 * Return: 0; DMV_MALFORMED as dmv_import_check(); -ENOMEM.
 */
int dmv_import_match(const DmvView *v, const DmvCatalog *c, char *const *paths, DmvImport *ret,
                     DmvError *reterr);
void dmv_import_deinit(DmvImport *i);
#define DMV_CLEANUP_IMPORT DMV_CLEANUP(dmv_import_deinit)

#endif
