/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A large catalog that looks like a real one, for measurements. */
#ifndef DMV_TESTS_LARGECATALOG_H
#define DMV_TESTS_LARGECATALOG_H

#include <stddef.h>

#include "model/world.h"

#define LARGE_CATALOG_IDS 10      /* a release */
#define LARGE_CATALOG_VERSIONS 50 /* of each driver; they share its ids, as they do in life */

/* The text of "releases" with @n of them; owned by the caller. */
char *large_catalog_releases(size_t n);

/* Id @k (below LARGE_CATALOG_IDS) of the driver that release @i belongs to. */
DmvPciId large_catalog_id(size_t i, size_t k);

#endif
