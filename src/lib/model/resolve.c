/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolve: World + catalogs + intent -> View, in passes of a file each: gather (every release there is),
 * judge (what speaks for and against each), decide (what the intent means for each kernel), and what the
 * kernel runs.
 */
#include "model/resolve.h"

#include <errno.h>
#include <string.h>

#include "model/adopted.h"
#include "model/lifeline.h"
#include "model/resolve-internal.h"

static const char *const verdict_table[] = {
    [DMV_VERDICT_FITS] = "fits",
    [DMV_VERDICT_NO_HARDWARE] = "no_hardware",
    [DMV_VERDICT_OTHER_MACHINE] = "other_machine",
    [DMV_VERDICT_NO_KERNEL] = "no_kernel",
    [DMV_VERDICT_REVOKED] = "revoked",
    [DMV_VERDICT_BROKEN] = "broken",
};
_Static_assert(DMV_N_ELEMENTS(verdict_table) == DMV_VERDICT_MAX, "a verdict has no name");

const char *dmv_verdict_to_string(DmvVerdict v)
{
    return v >= 0 && v < DMV_VERDICT_MAX ? verdict_table[v] : "invalid";
}

void dmv_view_release_deinit(DmvViewRelease *r)
{
    free(r->name);
    free(r->refused);
    free(r->installed);
    dmv_strv_free(r->reasons);
    dmv_strv_free(r->slots);
    dmv_strv_free(r->modules);
    dmv_strv_free(r->kernels);
    for (size_t i = 0; i < r->n_fits; i++)
        dmv_fit_deinit(&r->fits[i]);
    free(r->fits);
    *r = (DmvViewRelease){0};
}

static void driver_deinit(DmvViewDriver *d)
{
    for (size_t i = 0; i < d->n_releases; i++)
        dmv_view_release_deinit(&d->releases[i]);
    for (size_t i = 0; i < d->n_modules; i++) {
        free(d->modules[i].name);
        free(d->modules[i].release);
        free(d->modules[i].next);
    }
    for (size_t i = 0; i < d->n_targets; i++)
        free(d->targets[i].problem);
    free(d->releases);
    free(d->modules);
    free(d->targets);
    free(d->active);
    dmv_adopted_free(d->adopted, d->n_adopted);
    dmv_strv_free(d->slots);
    dmv_strv_free(d->lifelines);
    dmv_problems_deinit(&d->problems);
    *d = (DmvViewDriver){0};
}

void dmv_view_deinit(DmvView *v)
{
    for (size_t i = 0; i < v->n_drivers; i++)
        driver_deinit(&v->drivers[i]);
    free(v->drivers);
    dmv_adopted_free(v->adopted, v->n_adopted);
    *v = (DmvView){0};
}

/* Within a driver: by variant, the newest first; what no catalog orders comes last. */
static int compare_order(const void *a, const void *b)
{
    const DmvViewRelease *x = a, *y = b;
    int64_t sx = x->catalog ? x->catalog->sequence : INT64_MIN,
            sy = y->catalog ? y->catalog->sequence : INT64_MIN;
    int c = strcmp(x->driver, y->driver);

    if (!c)
        c = strcmp(x->variant, y->variant);
    if (!c)
        c = sx < sy ? 1 : sx > sy ? -1 : 0;
    return c ? c : strcmp(y->version, x->version);
}

static DmvViewDriver *add_driver(DmvView *v, const char *name)
{
    DmvViewDriver *d = DMV_ARRAY_ADD(v->drivers, v->n_drivers);

    if (d) {
        d->name = name;
        d->selection = dmv_intent_find(v->facts.intent, name);
        d->pinned = dmv_selection_is_pinned(d->selection, v->facts.now);
    }
    return d;
}

static void describe_driver(DmvViewDriver *d, const DmvViewRelease *r)
{
    if (!d->type)
        d->type = r->catalog ? r->catalog->type : r->n_installed ? r->installed[0]->type : NULL;
    if (!d->description)
        d->description = r->catalog       ? r->catalog->description
                         : r->n_installed ? r->installed[0]->description
                                          : NULL;
}

static int group(DmvView *v, DmvGather *g)
{
    DmvViewDriver *d = NULL;

    if (g->n > 1)
        qsort(g->items, g->n, sizeof(g->items[0]), compare_order);
    for (size_t i = 0; i < g->n; i++) {
        DmvViewRelease *r;

        if (!d || strcmp(d->name, g->items[i].driver) != 0)
            d = add_driver(v, g->items[i].driver);
        if (!d || !(r = DMV_ARRAY_ADD(d->releases, d->n_releases)))
            return -ENOMEM;
        *r = g->items[i];
        g->items[i] = (DmvViewRelease){0};
        describe_driver(d, r);
    }
    return 0;
}

static int compare_drivers(const void *a, const void *b)
{
    return strcmp(((const DmvViewDriver *)a)->name, ((const DmvViewDriver *)b)->name);
}

/* Drivers that are only in the intent: everything else about them has vanished. */
static int group_intent(DmvView *v)
{
    for (size_t i = 0; i < v->facts.intent->n; i++)
        if (!dmv_view_driver(v, v->facts.intent->items[i].driver) &&
            !add_driver(v, v->facts.intent->items[i].driver))
            return -ENOMEM;
    if (v->n_drivers > 1)
        qsort(v->drivers, v->n_drivers, sizeof(v->drivers[0]), compare_drivers);
    return 0;
}

int dmv_resolve(const DmvFacts *facts, DmvView *ret)
{
    DMV_CLEANUP_VIEW DmvView v = {.facts = *facts};
    __attribute__((cleanup(dmv_gather_deinit))) DmvGather g = {.facts = facts};
    int r = dmv_gather(&g);

    for (size_t i = 0; r == 0 && i < g.n; i++)
        r = dmv_judge(&g.items[i], facts->world);
    if (r == 0)
        r = group(&v, &g);
    if (r == 0)
        r = group_intent(&v);
    for (size_t i = 0; r == 0 && i < v.n_drivers; i++) {
        r = dmv_decide(&v, &v.drivers[i]);
        if (r == 0)
            r = dmv_look_at_running(&v, &v.drivers[i]);
        if (r == 0)
            r = dmv_lifelines_of_driver(facts->world, &v.drivers[i], &v.drivers[i].lifelines);
    }
    if (r < 0)
        return r;
    *ret = v;
    v = (DmvView){0};
    return 0;
}
