/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Updates that are offered: the newest release of each variant that the host could have instead of what it
 * has. Newer is what the catalog's sequence says; which tier is offered to whom is XCP-ng's rule.
 */
#include <string.h>

#include "model/adopted.h"

/* What the host has of one variant. */
typedef struct Has {
    bool any;
    int64_t sequence; /* of the newest of it that a catalog orders */
} Has;

/* Did another package manager install it: exactly this package, or any version of it? */
static bool is_packaged(const DmvViewDriver *d, const DmvRelease *r, bool exactly)
{
    for (size_t a = 0; a < d->n_adopted; a++)
        for (size_t p = 0; p < r->n_packages; p++)
            if (exactly ? dmv_strv_contains(d->adopted[a].file->packages, r->packages[p].nevra)
                        : dmv_streq(d->adopted[a].package, r->packages[p].name))
                return true;
    return false;
}

static Has what_there_is(const DmvViewDriver *d, const char *variant)
{
    Has has = {.sequence = INT64_MIN};

    for (size_t i = 0; i < d->n_releases; i++) {
        const DmvViewRelease *r = &d->releases[i];
        bool here = r->n_installed > 0 || r->selected || (r->catalog && is_packaged(d, r->catalog, true));

        if (strcmp(r->variant, variant) != 0)
            continue;
        has.any = has.any || here || (r->catalog && is_packaged(d, r->catalog, false));
        if (here && r->catalog && r->catalog->sequence > has.sequence)
            has.sequence = r->catalog->sequence;
    }
    return has;
}

static bool can_be_offered(const DmvViewRelease *r)
{
    return r->catalog && !r->source->stale && r->verdict == DMV_VERDICT_FITS && r->n_installed == 0;
}

/* Of a variant that the host has nothing of there is nothing to be newer than: there it is the catalog's word
 * that counts, and only where it says nothing the newest. */
static bool is_offered(const DmvViewDriver *d, const DmvViewRelease *r, const Has *has, bool newest)
{
    if (!dmv_package_is_offered(dmv_tier_from_string(r->catalog->tier), NULL, has->any))
        return false;
    if (!has->any && d->recommended)
        return r == d->recommended;
    return newest && r->catalog->sequence > has->sequence;
}

static void offer(DmvViewDriver *d)
{
    const char *variant = NULL; /* releases are sorted by variant, the newest first */
    Has has = {0};
    bool newest = false;

    for (size_t i = 0; i < d->n_releases; i++) {
        DmvViewRelease *r = &d->releases[i];

        if (!dmv_streq(r->variant, variant)) {
            variant = r->variant;
            has = what_there_is(d, variant);
            newest = true;
        }
        r->update = can_be_offered(r) && is_offered(d, r, &has, newest);
        newest = newest && !can_be_offered(r);
    }
}

void dmv_view_offer(DmvView *v)
{
    for (size_t i = 0; i < v->n_drivers; i++)
        offer(&v->drivers[i]);
}
