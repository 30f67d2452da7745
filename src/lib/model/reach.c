/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a changed module to the devices that notice. */
#include "model/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool dmv_modules_contain(char *const *modules, const char *name)
{
    for (; modules && *modules; modules++)
        if (dmv_module_name_equal(*modules, name))
            return true;
    return false;
}

/* The devices for which the index of a kernel gives a module. */
static int add_bound(const DmvWorld *w, const DmvPrediction *x, char ***slots)
{
    const DmvKernel *k = dmv_world_kernel(w, x->kernel);
    int r = 0;

    for (size_t i = 0; r == 0 && k && i < k->n_bindings; i++)
        if (dmv_modules_contain(k->bindings[i].modules, x->module))
            r = dmv_strv_push(slots, k->bindings[i].slot);
    return r;
}

static const DmvViewRelease *find_release(const DmvView *v, const char *name)
{
    for (size_t d = 0; name && d < v->n_drivers; d++)
        for (size_t i = 0; i < v->drivers[d].n_releases; i++)
            if (strcmp(v->drivers[d].releases[i].name, name) == 0)
                return &v->drivers[d].releases[i];
    return NULL;
}

/* The devices that a release supports; the kernel's own driver is none, and supports what the index says. */
static int add_supported(const DmvView *v, const char *release, char ***slots)
{
    const DmvViewRelease *x = find_release(v, release);
    int r = 0;

    for (char **s = x ? x->slots : NULL; r == 0 && s && *s; s++)
        r = dmv_strv_push(slots, *s);
    return r;
}

static int find_reach(const DmvView *v, DmvReach *r)
{
    int e = add_bound(v->facts.world, r->change, &r->slots);

    if (e == 0)
        e = add_supported(v, r->change->now_release, &r->slots);
    if (e == 0)
        e = add_supported(v, r->change->next_release, &r->slots);
    dmv_strv_sort_unique(r->slots);
    return e;
}

int dmv_plan_reaches(const DmvPlan *p, const DmvView *v, DmvReaches *ret)
{
    DMV_CLEANUP_REACHES DmvReaches all = {0};

    for (size_t i = 0; i < p->n_predictions; i++) {
        DmvReach *r;

        if (!p->predictions[i].changed)
            continue;
        r = DMV_ARRAY_ADD(all.items, all.n);
        if (!r)
            return -ENOMEM;
        r->change = &p->predictions[i];
        if (find_reach(v, r) < 0)
            return -ENOMEM;
    }
    *ret = all;
    all = (DmvReaches){0};
    return 0;
}

void dmv_reaches_deinit(DmvReaches *r)
{
    for (size_t i = 0; i < r->n; i++)
        dmv_strv_free(r->items[i].slots);
    free(r->items);
    *r = (DmvReaches){0};
}

bool dmv_reach_touches(const DmvReach *r, char *const *slots, char *const *modules)
{
    return dmv_modules_contain(modules, r->change->module) || dmv_strv_meet(slots, r->slots);
}
