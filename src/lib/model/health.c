/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Health: one function a question, each adding what it finds. */
#include "model/health.h"

#include <ctype.h>
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

/* Return: 0, or -ENOMEM. */
__attribute__((format(printf, 5, 6))) static int add(DmvHealth *h, DmvHealthLevel level, bool lost,
                                                     const char *object, const char *format, ...)
{
    DmvHealthFinding *x = DMV_ARRAY_ADD(h->items, h->n);
    DMV_CLEANUP_FREE char *why = NULL;
    va_list ap;

    if (!x)
        return -ENOMEM;
    x->level = level;
    x->lifeline_lost = lost;
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
        return is_needed(k, m->name) ? add(h, DMV_HEALTH_FATAL, false, d->name,
                                           "module %s is not loaded, although a device needs it", m->name)
                                     : 0;
    if (dmv_streq(m->release, want))
        return add(h, DMV_HEALTH_OK, false, d->name, "module %s is loaded from %s (known by %s)", m->name,
                   want, m->proof ? m->proof : "nothing");
    if (m->release)
        return add(h, DMV_HEALTH_FATAL, false, d->name, "module %s is loaded from %s, and not from %s",
                   m->name, m->release, want);
    /* the kernel's own file can be gone from the disk; that of a release has a build-id that would be known
     */
    return add(h, strcmp(want, "inbox") == 0 ? DMV_HEALTH_WARNING : DMV_HEALTH_FATAL, false, d->name,
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

static int judge_driver(const DmvViewDriver *d, DmvHealth *h)
{
    const DmvTarget *t = running_target(d);
    DMV_CLEANUP_FREE char *name = NULL;
    int r = 0;

    if (!t)
        return 0;
    if (t->problem)
        r = add(h, DMV_HEALTH_WARNING, false, d->name, "the running kernel loads its own driver: %s",
                t->problem);
    if (t->installed &&
        asprintf(&name, "%s/%s@%s", t->installed->driver, t->installed->variant, t->installed->version) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < d->n_modules; i++) {
        /* a module that the release does not bring is the kernel's own */
        bool own = !name || (d->selected && !brings(d->selected, d->modules[i].name));

        r = judge_module(d, &d->modules[i], t->kernel, own ? "inbox" : name, h);
    }
    return r;
}

static int judge_drivers(const DmvView *v, DmvHealth *h)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < v->n_drivers; i++)
        if (v->drivers[i].selection)
            r = judge_driver(&v->drivers[i], h);
    return r;
}

/* ---- lifelines ---- */

static const DmvLifeline *find_lifeline(const DmvLifeline *items, size_t n, const DmvLifeline *like)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].kind == like->kind && dmv_streq(items[i].what, like->what))
            return &items[i];
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
            r = add(h, DMV_HEALTH_FATAL, bound == 0, l->slots[i], "%s, and %s stands on it: %s",
                    dmv_world_device(w, l->slots[i]) ? "no driver is bound to it" : "it is not there",
                    l->what, l->chain);
    return r == 0 && n > 0 && bound == n
               ? add(h, DMV_HEALTH_OK, false, l->what, "all devices under it are bound: %s", l->chain)
               : r;
}

/* What was a lifeline before and is none now: there is no way to it any more. Swap can be done without. */
static int judge_missing(const DmvLifeline *l, DmvHealth *h)
{
    if (l->kind == DMV_LIFELINE_SWAP)
        return add(h, DMV_HEALTH_WARNING, false, l->what, "it is not swapped to any more");
    return add(h, DMV_HEALTH_FATAL, true, l->what, "%s: %s",
               l->kind == DMV_LIFELINE_MANAGEMENT ? "no default route goes there any more"
                                                  : "it is not mounted any more",
               l->chain);
}

static int judge_lifelines(const DmvHealthFacts *f, DmvHealth *h)
{
    const DmvWorld *w = f->view->facts.world;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_lifelines; i++)
        r = judge_devices(w, &w->lifelines[i], h);
    for (size_t i = 0; r == 0 && i < f->n_lifelines_before; i++) {
        const DmvLifeline *before = &f->lifelines_before[i];
        const DmvLifeline *now = find_lifeline(w->lifelines, w->n_lifelines, before);

        if (!now)
            r = judge_missing(before, h);
        /* a leg that is gone is in the old list only */
        for (char **s = before->slots; r == 0 && now && s && *s; s++)
            if (!dmv_lifeline_has_slot(now, *s) && !is_bound(w, *s))
                r = add(h, DMV_HEALTH_FATAL, !now->slots, *s, "%s stood on it, and it has no driver now: %s",
                        before->what, before->chain);
    }
    return r;
}

/* ---- links ---- */

static bool is_up(const DmvLink *links, size_t n, const char *interface)
{
    for (size_t i = 0; i < n; i++)
        if (dmv_streq(links[i].interface, interface))
            return links[i].up;
    return false;
}

static const DmvDevice *device_of(const DmvWorld *w, const char *interface)
{
    for (size_t i = 0; i < w->n_devices; i++)
        if (dmv_strv_contains(w->devices[i].interfaces, interface))
            return &w->devices[i];
    return NULL;
}

/* Has the lifeline another interface that is up? */
static bool has_other_link(const DmvHealthFacts *f, const DmvLifeline *l)
{
    const DmvWorld *w = f->view->facts.world;

    for (size_t i = 0; i < f->n_links_now; i++) {
        const DmvDevice *d = f->links_now[i].up ? device_of(w, f->links_now[i].interface) : NULL;

        if (d && dmv_lifeline_has_slot(l, d->slot))
            return true;
    }
    return false;
}

/* Was it the last link under the management? */
static bool loses_management(const DmvHealthFacts *f, const char *interface)
{
    const DmvWorld *w = f->view->facts.world;
    const DmvDevice *d = device_of(w, interface);

    for (size_t i = 0; d && i < w->n_lifelines; i++) {
        const DmvLifeline *l = &w->lifelines[i];

        if (l->kind == DMV_LIFELINE_MANAGEMENT && dmv_lifeline_has_slot(l, d->slot) && !has_other_link(f, l))
            return true;
    }
    return false;
}

/* A cable that was pulled from a card with which nobody changed anything is no reason to go back. */
static bool is_ours(const DmvHealthFacts *f, const char *interface)
{
    const DmvDevice *d = device_of(f->view->facts.world, interface);
    const DmvWorld *w = f->view->facts.world;
    bool found = false;

    for (size_t i = 0; d && !found && i < f->view->n_drivers; i++)
        found = f->view->drivers[i].selection && dmv_strv_contains(f->view->drivers[i].slots, d->slot);
    for (size_t i = 0; !found && i < w->n_lifelines; i++)
        found = dmv_streq(w->lifelines[i].what, interface) ||
                (d && dmv_lifeline_has_slot(&w->lifelines[i], d->slot));
    return found;
}

static int judge_links(const DmvHealthFacts *f, DmvHealth *h)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < f->n_links_before; i++) {
        const char *interface = f->links_before[i].interface;

        if (!f->links_before[i].up)
            continue;
        if (is_up(f->links_now, f->n_links_now, interface))
            r = add(h, DMV_HEALTH_OK, false, interface, "the link is up");
        else
            r = add(h, is_ours(f, interface) ? DMV_HEALTH_FATAL : DMV_HEALTH_WARNING,
                    loses_management(f, interface), interface, "the link was up and is not any more");
    }
    return r;
}

/* ---- the kernel's words ---- */

static bool says(const char *line, const char *const words[])
{
    for (size_t i = 0; words[i]; i++)
        if (strcasestr(line, words[i]))
            return true;
    return false;
}

bool dmv_health_is_failure(const char *line)
{
    static const char *const subjects[] = {"probe", "probing", "firmware", "initialization", NULL};
    static const char *const failures[] = {"fail",    "error",     "invalid",   "not found", "timed out",
                                           "timeout", "unable to", "could not", "corrupt",   NULL};

    return says(line, subjects) && says(line, failures);
}

/* Is the word in the line, and no part of a longer one? */
static bool mentions(const char *line, const char *word)
{
    size_t n = strlen(word);

    for (const char *s = line; n > 0 && (s = strstr(s, word)); s++) {
        bool begins = s == line || !(isalnum((unsigned char)s[-1]) || s[-1] == '_');

        if (begins && !isalnum((unsigned char)s[n]) && s[n] != '_')
            return true;
    }
    return false;
}

static bool is_about(const char *line, const DmvViewDriver *d)
{
    for (char **s = d->slots; s && *s; s++)
        if (mentions(line, *s))
            return true;
    for (size_t i = 0; i < d->n_modules; i++)
        if (mentions(line, d->modules[i].name))
            return true;
    return false;
}

static int judge_kernel_log(const DmvHealthFacts *f, DmvHealth *h)
{
    int r = 0;

    for (char *const *line = f->kernel_log; r == 0 && line && *line; line++)
        for (size_t i = 0; r == 0 && dmv_health_is_failure(*line) && i < f->view->n_drivers; i++)
            if (f->view->drivers[i].selection && is_about(*line, &f->view->drivers[i]))
                r = add(h, DMV_HEALTH_FATAL, false, f->view->drivers[i].name, "the kernel says: %s", *line);
    return r;
}

/* ---- names ---- */

static int judge_name(const DmvNameDifference *x, bool allowed, DmvHealth *h)
{
    DmvHealthLevel level = allowed ? DMV_HEALTH_WARNING : DMV_HEALTH_FATAL;

    switch (x->change) {
    case DMV_NAME_RENAMED:
        return add(h, level, false, x->before->name, "it is called %s now (%s)", x->now->name, x->now->slot);
    case DMV_NAME_GONE:
        return add(h, level, false, x->before->name, "it is gone (it was on %s)", x->before->slot);
    case DMV_NAME_NEW:
        return add(h, DMV_HEALTH_OK, false, x->now->name, "it is new (on %s)", x->now->slot);
    case DMV_NAME_REORDERED: /* drivers of different cards race at every boot; names that stay are what counts
                              */
        return add(h, DMV_HEALTH_WARNING, false, x->before->name,
                   "the kernel found others before it this time");
    case DMV_NAME_CHANGE_MAX:
    case DMV_NAME_CHANGE_INVALID:
        break;
    }
    return 0;
}

static int judge_names(const DmvHealthFacts *f, DmvHealth *h)
{
    DMV_CLEANUP_FREE DmvNameDifference *differences = NULL;
    size_t n = 0;
    int r = 0;

    if (f->names_before && f->names_now)
        r = dmv_names_compare(f->names_before, f->names_now, &differences, &n);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = judge_name(&differences[i], f->allow_renames, h);
    return r;
}

/* ---- the site's own ---- */

static int judge_checks(const DmvHealthFacts *f, DmvHealth *h)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < f->n_checks; i++) {
        const DmvSiteCheck *c = &f->checks[i];
        const char *output = c->output ? c->output : "";
        int n = (int)strcspn(output, "\n");

        if (c->status == 0)
            r = add(h, DMV_HEALTH_OK, false, c->name, "the check passed");
        else if (c->status < 0)
            r = add(h, DMV_HEALTH_FATAL, false, c->name, "the check did not end%s%.*s", n ? ": " : "", n,
                    output);
        else
            r = add(h, DMV_HEALTH_FATAL, false, c->name, "the check ended with %d%s%.*s", c->status,
                    n ? ": " : "", n, output);
    }
    return r;
}

/* ---- all of it ---- */

int dmv_health_judge(const DmvHealthFacts *f, DmvHealth *ret)
{
    DMV_CLEANUP_HEALTH DmvHealth h = {0};
    int r = judge_drivers(f->view, &h);

    if (r == 0)
        r = judge_lifelines(f, &h);
    if (r == 0)
        r = judge_links(f, &h);
    if (r == 0)
        r = judge_kernel_log(f, &h);
    if (r == 0)
        r = judge_names(f, &h);
    if (r == 0)
        r = judge_checks(f, &h);
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

int dmv_health_summary(const DmvHealth *h, char **ret)
{
    DmvHealthLevel worst = dmv_health_worst(h);
    DMV_CLEANUP_TEXT DmvText t = {0};

    for (size_t i = 0; t.size == 0 && i < h->n; i++)
        if (worst > DMV_HEALTH_OK && h->items[i].level == worst)
            dmv_text_appendf(&t, "%s: %s", h->items[i].object, h->items[i].why);
    if (t.size == 0)
        dmv_text_append(&t, "all is as it should be");
    return dmv_text_take(&t, ret, NULL);
}
