/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a change to the guests. What is under a backing is judged once and not for every guest on it: a
 * thousand of them stand on a few things.
 */
#include "model/impact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/reach.h"

/* What the change does to one footing. */
typedef struct Touch {
    bool reached;
    bool now;
    char **modules, **kernels, **drivers;
} Touch;

typedef struct Judge {
    const DmvView *view;
    const DmvFootings *footings;
    const DmvImpactSubject *subject;
    DmvReaches reaches; /* of the plan */
    char **pending;     /* modules that are loaded and that the next load would replace, without any further
                           change */
    Touch *touches;     /* one a footing */
} Judge;

static void touch_deinit(Touch *t)
{
    dmv_strv_free(t->modules);
    dmv_strv_free(t->kernels);
    dmv_strv_free(t->drivers);
}

static void judge_deinit(Judge *j)
{
    for (size_t i = 0; j->touches && i < j->footings->n; i++)
        touch_deinit(&j->touches[i]);
    free(j->touches);
    dmv_reaches_deinit(&j->reaches);
    dmv_strv_free(j->pending);
}

static void guest_impact_deinit(DmvGuestImpact *g)
{
    for (size_t i = 0; i < g->n_devices; i++) {
        dmv_strv_free(g->devices[i].drivers);
        dmv_strv_free(g->devices[i].unused);
    }
    free(g->devices);
    dmv_strv_free(g->modules);
    dmv_strv_free(g->kernels);
    *g = (DmvGuestImpact){0};
}

void dmv_impact_deinit(DmvImpact *i)
{
    for (size_t k = 0; k < i->n; k++)
        guest_impact_deinit(&i->items[k]);
    free(i->items);
    dmv_strv_free(i->reserved);
    dmv_problems_deinit(&i->problems);
    *i = (DmvImpact){0};
}

int dmv_impact_driver_modules(const DmvViewDriver *d, char ***ret)
{
    DMV_CLEANUP_STRV char **modules = NULL;

    for (size_t i = 0; i < d->n_modules; i++)
        if (dmv_strv_push(&modules, d->modules[i].name) < 0)
            return -ENOMEM;
    *ret = DMV_TAKE_PTR(modules);
    return 0;
}

/* ---- what the change does to a footing ---- */

static int push_module(Touch *t, const char *module)
{
    t->reached = true;
    return dmv_strv_push_unique(&t->modules, module);
}

static int touch_by_plan(const Judge *j, const DmvFooting *f, Touch *t)
{
    const char *running = j->view->facts.world->running_kernel;
    int r = 0;

    for (size_t i = 0; r == 0 && i < j->reaches.n; i++) {
        const DmvPrediction *x = j->reaches.items[i].change;

        if (!dmv_reach_touches(&j->reaches.items[i], f->slots, f->modules))
            continue;
        t->now = t->now || dmv_streq(x->kernel, running);
        r = push_module(t, x->module);
        if (r == 0)
            r = dmv_strv_push_unique(&t->kernels, x->kernel);
    }
    for (char **m = j->pending; r == 0 && m && *m; m++) {
        if (!dmv_modules_contain(f->modules, *m))
            continue;
        t->now = true;
        r = push_module(t, *m);
        if (r == 0)
            r = dmv_strv_push_unique(&t->kernels, running);
    }
    return r;
}

/* Devices that no module of the subject drives now are reached all the same: it may drive them next. */
static int touch_by_things(const Judge *j, const DmvFooting *f, Touch *t)
{
    const DmvImpactSubject *s = j->subject;
    int r = 0;

    for (char **m = f->modules; r == 0 && m && *m; m++)
        if (s->anything || dmv_modules_contain(s->modules, *m))
            r = push_module(t, *m);
    t->reached = t->reached || (s->anything && f->slots) || dmv_strv_meet(f->slots, s->slots);
    for (char *const *m = t->reached && !t->modules ? s->modules : NULL; r == 0 && m && *m; m++)
        r = push_module(t, *m);
    t->now = t->reached;
    return r;
}

/* A driver is under a footing if one of its modules drives something there or, where none is loaded, if it
 * supports a device there. */
static int find_drivers(const Judge *j, const DmvFooting *f, Touch *t)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < j->view->n_drivers; i++) {
        const DmvViewDriver *d = &j->view->drivers[i];
        bool found = false;

        for (size_t k = 0; !found && k < d->n_modules; k++)
            found = dmv_modules_contain(f->modules, d->modules[k].name);
        if (found || (!f->modules && dmv_strv_meet(d->slots, f->slots)))
            r = dmv_strv_push(&t->drivers, d->name);
    }
    return r;
}

static int judge_footings(Judge *j)
{
    int r = 0;

    j->touches = calloc(j->footings->n + 1, sizeof(*j->touches));
    if (!j->touches)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < j->footings->n; i++) {
        Touch *t = &j->touches[i];
        const DmvFooting *f = &j->footings->items[i];

        r = j->subject->plan ? touch_by_plan(j, f, t) : touch_by_things(j, f, t);
        if (r == 0)
            r = find_drivers(j, f, t);
    }
    return r;
}

/* ---- what it does to a guest ---- */

/* Is the change about a function that was given to a guest? */
static bool is_about_function(const Judge *j, const char *slot)
{
    if (!j->subject->plan)
        return j->subject->anything || dmv_strv_contains(j->subject->slots, slot);
    for (size_t i = 0; i < j->reaches.n; i++)
        if (dmv_strv_contains(j->reaches.items[i].slots, slot))
            return true;
    return false;
}

static int take_touch(const Touch *t, DmvGuestImpact *g)
{
    int r = 0;

    if (!t->reached)
        return 0;
    for (char **m = t->modules; r == 0 && m && *m; m++)
        r = dmv_strv_push_unique(&g->modules, *m);
    for (char **k = t->kernels; r == 0 && k && *k; k++)
        r = dmv_strv_push_unique(&g->kernels, *k);
    g->now = g->now || t->now;
    g->reached = true;
    return r;
}

static bool is_kept_for_guests(const DmvDevice *d)
{
    return dmv_streq(d->driver, "pciback") || dmv_streq(d->driver, "vfio-pci");
}

/* A function that was given to a guest, and the drivers of the host that have nothing to do with it as long
 * as it is. */
static int describe_function(const Judge *j, DmvImpactDevice *d)
{
    int r = 0;

    d->function = dmv_world_device(j->view->facts.world, d->device->what);
    if (!d->function || (d->function->driver && !is_kept_for_guests(d->function)))
        return 0;
    for (size_t i = 0; r == 0 && i < j->view->n_drivers; i++)
        if (dmv_strv_contains(j->view->drivers[i].slots, d->device->what))
            r = dmv_strv_push(&d->unused, j->view->drivers[i].name);
    return r;
}

static int add_device(const Judge *j, const DmvGuestDevice *d, DmvGuestImpact *g)
{
    const DmvFooting *f = dmv_footings_find(j->footings, d);
    const Touch *t = f ? &j->touches[f - j->footings->items] : NULL;
    bool passed = d->kind == DMV_BACKING_PCI && is_about_function(j, d->what);
    DmvImpactDevice *place;
    int r = 0;

    g->passed = g->passed || passed;
    if (!j->subject->anything && !passed && !(t && t->reached))
        return 0;
    place = DMV_ARRAY_ADD(g->devices, g->n_devices);
    if (!place)
        return -ENOMEM;
    *place = (DmvImpactDevice){.device = d, .footing = f};
    if (d->kind == DMV_BACKING_PCI)
        r = describe_function(j, place);
    if (r == 0 && t)
        r = dmv_strv_copy(t->drivers, &place->drivers);
    return r == 0 && t ? take_touch(t, g) : r;
}

static int judge_guest(const Judge *j, const DmvGuest *guest, DmvGuestImpact *g)
{
    int r = 0;

    g->guest = guest;
    g->reached = j->subject->anything;
    for (size_t i = 0; r == 0 && i < guest->n_devices; i++)
        r = add_device(j, &guest->devices[i], g);
    dmv_strv_sort(g->modules);
    dmv_strv_sort(g->kernels);
    return r;
}

/* ---- what is not known ---- */

static void collect_problems(const DmvGuests *g, const DmvFootings *f, DmvProblems *to)
{
    dmv_guests_collect_problems(g, to);
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].unknown)
            (void)dmv_problem_add(to, f->items[i].what, DMV_GUESTS_UNKNOWN,
                                  "not all that guests stand on there is known: %s", f->items[i].unknown);
}

static bool has_function(const DmvGuests *g, const char *slot)
{
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < g->items[i].n_devices; k++)
            if (g->items[i].devices[k].kind == DMV_BACKING_PCI &&
                strcmp(g->items[i].devices[k].what, slot) == 0)
                return true;
    return false;
}

static int collect_reserved(const Judge *j, const DmvGuests *g, char ***ret)
{
    const DmvWorld *w = j->view->facts.world;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_devices; i++)
        if (is_kept_for_guests(&w->devices[i]) && is_about_function(j, w->devices[i].slot) &&
            !has_function(g, w->devices[i].slot))
            r = dmv_strv_push(ret, w->devices[i].slot);
    return r;
}

/* ---- all of it ---- */

/* What the kernel has loaded and would load another file for. */
static int collect_pending(const DmvView *v, char ***ret)
{
    int r = 0;

    for (size_t i = 0; i < v->n_drivers; i++)
        for (size_t k = 0; r == 0 && v->drivers[i].reboot_needed && k < v->drivers[i].n_modules; k++) {
            const DmvViewModule *m = &v->drivers[i].modules[k];

            if (m->loaded && m->next && !dmv_streq(m->release, m->next))
                r = dmv_strv_push_unique(ret, m->name);
        }
    return r;
}

/* A module that is not loaded is taken over when it is, without a reboot. */
static bool needs_reboot(const Judge *j)
{
    const DmvImpactSubject *s = j->subject;

    if (s->anything)
        return true;
    if (s->plan)
        return j->reaches.n > 0 || j->pending;
    for (char *const *m = s->modules; m && *m; m++)
        if (dmv_world_loaded(j->view->facts.world, *m))
            return true;
    return false;
}

static int judge_all(Judge *j, const DmvGuests *g, DmvImpact *i)
{
    int r = j->subject->plan ? dmv_plan_reaches(j->subject->plan, j->view, &j->reaches) : 0;

    if (r == 0 && j->subject->plan)
        r = collect_pending(j->view, &j->pending);
    if (r == 0)
        r = judge_footings(j);
    i->items = r == 0 ? calloc(g->n + 1, sizeof(*i->items)) : NULL;
    if (!i->items)
        return -ENOMEM;
    i->n = g->n;
    for (size_t k = 0; r == 0 && k < g->n; k++)
        r = judge_guest(j, &g->items[k], &i->items[k]);
    i->changes = j->reaches.n > 0;
    i->reboot = needs_reboot(j);
    collect_problems(g, j->footings, &i->problems);
    return r == 0 ? collect_reserved(j, g, &i->reserved) : r;
}

int dmv_impact(const DmvView *v, const DmvGuests *g, const DmvFootings *f, const DmvImpactSubject *s,
               DmvImpact *ret)
{
    DMV_CLEANUP(judge_deinit) Judge j = {.view = v, .footings = f, .subject = s};
    DMV_CLEANUP_IMPACT DmvImpact all = {0};
    int r = judge_all(&j, g, &all);

    if (r < 0)
        return r;
    *ret = all;
    all = (DmvImpact){0};
    return 0;
}
