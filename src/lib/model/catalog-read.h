/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One release of a catalog from its JSON. Only catalog*.c include this. */
#ifndef DMV_MODEL_CATALOG_READ_H
#define DMV_MODEL_CATALOG_READ_H

#include <json-c/json.h>

#include "model/arena.h"
#include "model/catalog.h"

enum {
    DMV_CATALOG_PACKAGES_MAX = 64, /* a release */
    DMV_CATALOG_FILES_MAX = 4096,  /* a package */
    DMV_CATALOG_IDS_MAX = 65536,   /* a release, aliases included */
    DMV_CATALOG_PATTERN_MAX = 256, /* characters of an alias or of a pattern for machines */
};

/* What every reader needs to know. */
typedef struct DmvCatalogReader {
    DmvArena *arena;
    DmvError *reterr;
} DmvCatalogReader;

/*
 * Each reads one object into @ret, which points into the arena. @where is the object's place, such as
 * "releases[3]". Return: 0; DMV_MALFORMED with the place in @reterr; -ENOMEM.
 */
int dmv_catalog_read_release(DmvCatalogReader *c, json_object *o, const char *where, DmvRelease *ret);
int dmv_catalog_read_package(DmvCatalogReader *c, json_object *o, const char *where, DmvPackage *ret);
int dmv_catalog_read_ids(DmvCatalogReader *c, json_object *pci_ids, json_object *aliases, const char *where,
                         DmvRelease *ret);

/* Refuses: "<where> <why>". Return: DMV_MALFORMED. */
int dmv_catalog_refuse(DmvCatalogReader *c, const char *where, const char *why);
/* Copies a string that may be NULL into the arena. Return: 0, or -ENOMEM. */
int dmv_catalog_copy(DmvCatalogReader *c, const char *s, char **ret);

#endif
