/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Catalogs made in memory from a few words a release, through the real parser. */
#ifndef DMV_TEST_CATALOGKIT_H
#define DMV_TEST_CATALOGKIT_H

#include "model/catalog.h"

/* A release with one module, MODULE.ko. */
typedef struct CatalogRelease {
    const char *driver, *variant, *version;
    int sequence;
    const char *extra;       /* further members of the JSON object, each with a comma at its end, or NULL */
    const char *module;      /* NULL: "ice" */
    unsigned vendor, device; /* what it supports */
    const char *build_id;    /* of the module for every kernel, hex, or NULL */
    const char *kernels[4];  /* has a package of 1000 bytes for each, NULL at the end */
    const char *tier;        /* NULL: "alternate" */
    const char *package;     /* name of its packages, PACKAGE-VERSION-1.x86_64; NULL: "p" */
} CatalogRelease;

/* Ends the process when it cannot do its work. */
DmvCatalog *catalog_of(const char *stream, const CatalogRelease *releases, size_t n);

#endif
