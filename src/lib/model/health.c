/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Health: one function a question, each adding what it finds. */
#include "model/health-internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {
    [DMV_HEALTH_OK] = "ok", [DMV_HEALTH_WARNING] = "warning", [DMV_HEALTH_FATAL] = "error"};
_Static_assert(DMV_N_ELEMENTS(level_names) == DMV_HEALTH_MAX, "a level has no name");

const char *dmv_health_level_to_string(DmvHealthLevel l)
{
    return l >= 0 && l < DMV_HEALTH_MAX ? level_names[l] : "invalid";
}

void dmv_health_deinit(DmvHealth *h)
{
    for (size_t i = 0; i < h->n; i++) {
        free(h->items[i].object);
        free(h->items[i].why);
    }
    free(h->items);
    *h = (DmvHealth){0};
}

int dmv_health_add(DmvHealth *h, DmvHealthVerdict v, const char *object, const char *format, ...)
{
    DmvHealthFinding *x = DMV_ARRAY_ADD(h->items, h->n);
    DMV_CLEANUP_FREE char *why = NULL;
    va_list ap;

    if (!x)
        return -ENOMEM;
    x->level = v.level;
    x->lifeline_lost = v.lifeline_lost;
    x->time = v.time;
    va_start(ap, format);
    why = dmv_vformat(format, ap);
    va_end(ap);
    if (!why)
        return -ENOMEM;
    x->object = dmv_sanitize(object);
    x->why = dmv_sanitize(why);
    return x->object && x->why ? 0 : -ENOMEM;
}

/* ---- is the selected release the one that is loaded? ---- */

/* Would the running kernel load the module for a device that is here? */
static bool is_needed(const DmvKernel *k, const char *module)
{
    for (size_t i = 0; i < k->n_bindings; i++)
        for (char **m = k->bindings[i].modules; m && *m; m++)
            if (dmv_module_name_equal(*m, module))
                return true;
    return false;
}

static int judge_module(const DmvViewDriver *d, const DmvViewModule *m, const DmvKernel *k, const char *want,
                        DmvHealth *h)
{
    if (!m->loaded)
        return is_needed(k, m->name)
                   ? dmv_health_add(h, dmv_health_fatal, d->name,
                                    "module %s is not loaded, although a device needs it", m->name)
                   : 0;
    /* the kernel shows a driver at a device before its probe, so one that hangs there looks bound */
    if (m->loaded->coming)
        return dmv_health_add(h, dmv_health_not_yet(dmv_health_fatal), d->name,
                              "module %s is not initialized: it hangs, or an error of its own stopped it",
                              m->name);
    if (dmv_streq(m->release, want))
        return dmv_health_add(h, dmv_health_ok, d->name, "module %s is loaded from %s (known by %s)", m->name,
                              want, m->proof ? m->proof : "nothing");
    if (m->release)
        return dmv_health_add(h, dmv_health_fatal, d->name, "module %s is loaded from %s, and not from %s",
                              m->name, m->release, want);
    /* the kernel's own file can be gone from the disk; that of a release has a build-id that would be known
     */
    return dmv_health_add(h, strcmp(want, "inbox") == 0 ? dmv_health_warning : dmv_health_fatal, d->name,
                          "module %s is loaded, but nothing proves that it is from %s", m->name, want);
}

static bool brings(const DmvViewRelease *r, const char *module)
{
    for (char **m = r->modules; m && *m; m++)
        if (dmv_module_name_equal(*m, module))
            return true;
    return false;
}

/* What the running kernel shall load; NULL: this kernel is none of ours. */
static const DmvTarget *running_target(const DmvViewDriver *d)
{
    for (size_t i = 0; i < d->n_targets; i++)
        if (d->targets[i].kernel->running)
            return &d->targets[i];
    return NULL;
}

/* What the module is to be from. What is recommended can be another release than the one that was activated;
 * there a release of the driver that the index gives is right. */
static const char *wanted(const DmvViewDriver *d, const DmvViewModule *m, const char *target)
{
    size_t n = strlen(d->name);

    if (target && d->selected && !brings(d->selected, m->name))
        target = NULL; /* a module that the release does not bring is the kernel's own */
    if (d->selection->kind == DMV_SELECT_RECOMMENDED && m->next && strncmp(m->next, d->name, n) == 0 &&
        m->next[n] == '/')
        return m->next;
    return target ? target : "inbox";
}

/* Each device that the running kernel has a module of the driver for has a driver, maybe another one: a guest
 * may have it. Virtual functions are bound and unbound for guests. */
static int judge_driver_devices(const DmvViewDriver *d, const DmvKernel *k, const DmvWorld *w, DmvHealth *h)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < k->n_bindings; i++) {
        const DmvDevice *x = dmv_world_device(w, k->bindings[i].slot);
        bool ours = false;

        for (char **m = k->bindings[i].modules; m && *m; m++)
            ours = ours || dmv_view_driver_has_module(d, *m);
        if (ours && x && !x->driver && !x->physfn)
            r = dmv_health_add(h, dmv_health_fatal, x->slot, "no driver is bound to it, and %s is selected",
                               d->name);
    }
    return r;
}

static int judge_driver(const DmvViewDriver *d, const DmvWorld *w, DmvHealth *h)
{
    const DmvTarget *t = running_target(d);
    DMV_CLEANUP_FREE char *name = NULL;
    int r = 0;

    if (!t)
        return 0;
    if (t->problem)
        r = dmv_health_add(h, dmv_health_warning, d->name, "the running kernel loads its own driver: %s",
                           t->problem);
    if (t->installed &&
        asprintf(&name, "%s/%s@%s", t->installed->driver, t->installed->variant, t->installed->version) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < d->n_modules; i++)
        r = judge_module(d, &d->modules[i], t->kernel, wanted(d, &d->modules[i], name), h);
    return r == 0 ? judge_driver_devices(d, t->kernel, w, h) : r;
}

static int judge_drivers(const DmvView *v, DmvHealth *h)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < v->n_drivers; i++)
        if (v->drivers[i].selection)
            r = judge_driver(&v->drivers[i], v->facts.world, h);
    return r;
}

/* ---- lifelines ---- */

/* What became of a lifeline of before. */
static const DmvLifeline *find_lifeline(const DmvHealthFacts *f, const DmvLifeline *before)
{
    const DmvWorld *w = f->view->facts.world;
    const char *what =
        before->kind == DMV_LIFELINE_MANAGEMENT ? dmv_health_name_now(f, before->what) : before->what;

    for (size_t i = 0; i < w->n_lifelines; i++)
        if (w->lifelines[i].kind == before->kind && dmv_streq(w->lifelines[i].what, what))
            return &w->lifelines[i];
    return NULL;
}

static bool is_bound(const DmvWorld *w, const char *slot)
{
    const DmvDevice *d = dmv_world_device(w, slot);

    return d && d->driver;
}

/* Each device has a driver; the lifeline is lost when none of them has. */
static int judge_devices(const DmvWorld *w, const DmvLifeline *l, DmvHealth *h)
{
    size_t bound = 0, n = dmv_strv_length(l->slots);
    int r = 0;

    for (size_t i = 0; i < n; i++)
        bound += is_bound(w, l->slots[i]);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (!is_bound(w, l->slots[i]))
            r = dmv_health_add(h, bound == 0 ? dmv_health_lost : dmv_health_fatal, l->slots[i],
                               "%s, and %s stands on it: %s",
                               dmv_world_device(w, l->slots[i]) ? "no driver is bound to it"
                                                                : "it is not there",
                               l->what, l->chain);
    return r == 0 && n > 0 && bound == n
               ? dmv_health_add(h, dmv_health_ok, l->what, "all devices under it are bound: %s", l->chain)
               : r;
}

/* What was a lifeline before and is none now: there is no way to it any more. Swap can be done without. */
static int judge_missing(const DmvLifeline *l, DmvHealth *h)
{
    if (l->kind == DMV_LIFELINE_SWAP)
        return dmv_health_add(h, dmv_health_warning, l->what, "it is not swapped to any more");
    if (l->kind == DMV_LIFELINE_MANAGEMENT) /* a route comes with the link, and with what answers on it */
        return dmv_health_add(h, dmv_health_not_yet(dmv_health_lost), l->what,
                              "no default route goes there any more: %s", l->chain);
    return dmv_health_add(h, dmv_health_lost, l->what, "it is not mounted any more: %s", l->chain);
}

static int judge_lifelines(const DmvHealthFacts *f, DmvHealth *h)
{
    const DmvWorld *w = f->view->facts.world;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_lifelines; i++)
        r = judge_devices(w, &w->lifelines[i], h);
    for (size_t i = 0; r == 0 && i < f->n_lifelines_before; i++) {
        const DmvLifeline *before = &f->lifelines_before[i];
        const DmvLifeline *now = find_lifeline(f, before);

        if (!now)
            r = judge_missing(before, h);
        /* a leg that is gone is in the old list only */
        for (char **s = before->slots; r == 0 && now && s && *s; s++)
            if (!dmv_lifeline_has_slot(now, *s) && !is_bound(w, *s))
                r = dmv_health_add(h, now->slots ? dmv_health_fatal : dmv_health_lost, *s,
                                   "%s stood on it, and it has no driver now: %s", before->what,
                                   before->chain);
    }
    return r;
}

/* ---- what others found ---- */

/* "OBJECT: WHY", where OBJECT is one word; all of it is the reason where it is not. */
static int judge_word(const char *word, DmvHealth *h)
{
    const DmvHealthVerdict told = {.level = DMV_HEALTH_FATAL, .time = DMV_HEALTH_FOLLOWS};
    size_t n = strcspn(word, ": \t");
    DMV_CLEANUP_FREE char *object = strndup(word, n);

    if (!object)
        return -ENOMEM;
    if (n > 0 && dmv_starts_with(word + n, ": "))
        return dmv_health_add(h, told, object, "%s", word + n + 2);
    return dmv_health_add(h, told, "report", "%s", word);
}

static int judge_told(const DmvHealthFacts *f, DmvHealth *h)
{
    int r = 0;

    for (char *const *word = f->told; r == 0 && word && *word; word++)
        r = judge_word(*word, h);
    return r;
}

/* ---- all of it ---- */

static int judge_before(const DmvHealthFacts *f, DmvHealth *h)
{
    return f->before_problem
               ? dmv_health_add(h, dmv_health_warning, "last good boot", "%s", f->before_problem)
               : 0;
}

int dmv_health_judge(const DmvHealthFacts *f, DmvHealth *ret)
{
    DMV_CLEANUP_HEALTH DmvHealth h = {0};
    int r = judge_drivers(f->view, &h);

    if (r == 0)
        r = judge_before(f, &h);
    if (r == 0)
        r = judge_lifelines(f, &h);
    if (r == 0)
        r = dmv_health_judge_links(f, &h);
    if (r == 0)
        r = dmv_health_judge_kernel_log(f, &h);
    if (r == 0)
        r = dmv_health_judge_names(f, &h);
    if (r == 0)
        r = judge_told(f, &h);
    if (r < 0)
        return r;
    *ret = h;
    h = (DmvHealth){0};
    return 0;
}

DmvHealthLevel dmv_health_worst(const DmvHealth *h)
{
    DmvHealthLevel worst = DMV_HEALTH_OK;

    for (size_t i = 0; i < h->n; i++)
        worst = h->items[i].level > worst ? h->items[i].level : worst;
    return worst;
}

bool dmv_health_lifeline_lost(const DmvHealth *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->items[i].lifeline_lost)
            return true;
    return false;
}

bool dmv_health_may_settle(const DmvHealth *h)
{
    bool settles = false;

    for (size_t i = 0; i < h->n; i++) {
        if (h->items[i].level != DMV_HEALTH_FATAL)
            continue;
        if (h->items[i].time == DMV_HEALTH_STAYS)
            return false;
        settles = settles || h->items[i].time == DMV_HEALTH_SETTLES;
    }
    return settles;
}

int dmv_health_problems(const DmvHealth *h, char ***ret)
{
    DMV_CLEANUP_STRV char **problems = NULL;

    for (size_t i = 0; i < h->n; i++)
        if (h->items[i].level == DMV_HEALTH_FATAL &&
            dmv_strv_pushf_unique(&problems, "%s: %s", h->items[i].object, h->items[i].why) < 0)
            return -ENOMEM;
    *ret = DMV_TAKE_PTR(problems);
    return 0;
}
