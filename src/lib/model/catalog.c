/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The catalog. See catalog.h.
 *
 * The tree of a whole catalog would take ten times its bytes, so releases are built, read and forgotten one
 * by one; what is kept of them lies in one arena.
 */
#include "catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json-cut.h"
#include "model/catalog-read.h"

#define WHAT "cannot use the catalog"
#define RELEASES_MAX 100000

static const DmvJsonLimits limits = {
    .size = 48u << 20, .depth = 12, .nodes = 16u << 20, .plain_integers = true};

DmvCatalog *dmv_catalog_free(DmvCatalog *c)
{
    if (!c)
        return NULL;
    dmv_matcher_free(c->matcher);
    dmv_arena_free(c->arena);
    free(c->releases);
    free(c->stream);
    free(c);
    return NULL;
}

static int out_of_memory(DmvError *reterr)
{
    return dmv_error_set(reterr, -ENOMEM, WHAT, NULL, "out of memory");
}

static int compare_names(const DmvRelease *r, const char *driver, const char *variant, const char *version)
{
    int d = strcmp(r->driver, driver);

    if (d == 0)
        d = strcmp(r->variant, variant);
    return d ? d : strcmp(r->version, version);
}

static int compare_releases(const void *a, const void *b)
{
    const DmvRelease *other = b;

    return compare_names(a, other->driver, other->variant, other->version);
}

const DmvRelease *dmv_catalog_release(const DmvCatalog *c, const char *driver, const char *variant,
                                      const char *version)
{
    size_t low = 0, high = c->n_releases;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int d = compare_names(&c->releases[middle], driver, variant, version);

        if (d == 0)
            return &c->releases[middle];
        if (d < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const DmvPackage *dmv_release_package(const DmvRelease *r, const char *kernel)
{
    for (size_t i = 0; i < r->n_packages; i++)
        if (strcmp(r->packages[i].kernel, kernel) == 0)
            return &r->packages[i];
    return NULL;
}

static int take_release(json_object *o, size_t index, void *userdata, DmvError *reterr)
{
    DmvCatalog *c = userdata;
    DmvCatalogReader reader = {.arena = c->arena, .reterr = reterr};
    DmvRelease *release;
    char where[64];

    if (index >= RELEASES_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, NULL, NULL, "it has more than %d releases", RELEASES_MAX);
    release = DMV_ARRAY_ADD(c->releases, c->n_releases);
    if (!release)
        return out_of_memory(reterr);
    (void)snprintf(where, sizeof(where), "releases[%zu]", index);
    return dmv_catalog_read_release(&reader, o, where, release);
}

static int read_times(const char *issued, const char *expires, DmvCatalog *c, DmvError *reterr)
{
    if (dmv_parse_time(issued, &c->issued) != 0)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "\"issued\" is not YYYY-MM-DDTHH:MM:SSZ");
    if (dmv_parse_time(expires, &c->expires) != 0)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "\"expires\" is not YYYY-MM-DDTHH:MM:SSZ");
    return 0;
}

static int read_head(json_object *o, DmvCatalog *c, DmvError *reterr)
{
    const char *type = NULL, *issued = NULL, *expires = NULL;
    int64_t spec = 0;
    const DmvJsonField kind[] = {
        {"_type", DMV_JSON_STRING, DMV_JSON_REQUIRED, &type},
        {"spec", DMV_JSON_INT, DMV_JSON_REQUIRED, &spec},
    };
    const DmvJsonField rest[] = {
        {"version", DMV_JSON_INT, DMV_JSON_REQUIRED, &c->version},
        {"issued", DMV_JSON_STRING, DMV_JSON_REQUIRED, &issued},
        {"expires", DMV_JSON_STRING, DMV_JSON_REQUIRED, &expires},
        {"stream", DMV_JSON_STRDUP, DMV_JSON_REQUIRED, &c->stream},
    };
    int r = dmv_json_read(o, "the catalog", kind, DMV_N_ELEMENTS(kind), true, reterr);

    if (r != 0)
        return r;
    if (strcmp(type, "catalog") != 0)
        return dmv_error_set(reterr, DMV_WRONG_TYPE, WHAT, NULL, "this is not a catalog");
    if (spec != 1)
        return dmv_error_set(reterr, DMV_UNKNOWN_SPEC, WHAT, "update dmv",
                             "it follows spec %lld, and only 1 is known", (long long)spec);
    r = dmv_json_read(o, "the catalog", rest, DMV_N_ELEMENTS(rest), true, reterr);
    if (r != 0)
        return r;
    if (c->version < 1 || !dmv_name_is_valid(c->stream))
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL,
                             "\"version\" is not 1 or more, or \"stream\" no name");
    return read_times(issued, expires, c, reterr);
}

/* Sorts, refuses what comes twice, and builds the index over the final places. */
static int finish(DmvCatalog *c, DmvError *reterr)
{
    if (c->n_releases > 0)
        qsort(c->releases, c->n_releases, sizeof(*c->releases), compare_releases);
    for (size_t i = 0; i < c->n_releases; i++) {
        const DmvRelease *r = &c->releases[i];

        if (i > 0 && compare_releases(r - 1, r) == 0)
            return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "the release %s/%s@%s comes twice",
                                 r->driver, r->variant, r->version);
        for (size_t k = 0; k < r->n_ids; k++)
            if (dmv_matcher_add(c->matcher, &r->ids[k], i) < 0)
                return out_of_memory(reterr);
    }
    return 0;
}

static int parse(const char *data, size_t size, DmvCatalog *c, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    const char *releases = NULL;
    size_t releases_size = 0;
    int r = dmv_json_cut(data, size, &limits, "releases", &o, &releases, &releases_size, reterr);

    if (r == 0)
        r = read_head(o, c, reterr);
    if (r != 0)
        return r;
    if (!releases)
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL, "\"releases\" is missing");
    r = dmv_json_each(releases, releases_size, &limits, take_release, c, reterr);
    return r == 0 ? finish(c, reterr) : r;
}

int dmv_catalog_parse(const char *data, size_t size, DmvCatalog **ret, DmvError *reterr)
{
    DMV_CLEANUP_CATALOG DmvCatalog *c = calloc(1, sizeof(*c));
    int r;

    if (!c || dmv_matcher_new(&c->matcher) < 0 || dmv_arena_new(&c->arena) < 0)
        return out_of_memory(reterr);
    r = parse(data, size, c, reterr);
    if (r != 0) {
        dmv_error_set_what(reterr, WHAT);
        dmv_error_set_next(reterr, "tell the publisher");
        return r;
    }
    *ret = DMV_TAKE_PTR(c);
    return 0;
}
