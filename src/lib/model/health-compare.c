/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Health by comparison: links, the kernel's words and names, each with what it was when all was good. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "model/health-internal.h"

/* ---- interfaces ---- */

static const DmvName *find_interface(const DmvNames *names, const char *name)
{
    for (size_t i = 0; names && i < names->n; i++)
        if (names->items[i].kind == DMV_NAME_INTERFACE && dmv_streq(names->items[i].name, name))
            return &names->items[i];
    return NULL;
}

const char *dmv_health_name_now(const DmvHealthFacts *f, const char *interface)
{
    const DmvName *before = find_interface(f->names_before, interface);

    if (!before || find_interface(f->names_now, interface))
        return interface;
    for (size_t i = 0; f->names_now && i < f->names_now->n; i++) {
        const DmvName *now = &f->names_now->items[i];

        if (now->kind == DMV_NAME_INTERFACE && dmv_streq(now->slot, before->slot) &&
            dmv_streq(now->place, before->place))
            return now->name;
    }
    return interface;
}

/* Where an interface is or, if it is gone, was; NULL: on no device. */
static const char *slot_of(const DmvHealthFacts *f, const char *interface)
{
    const DmvWorld *w = f->view->facts.world;
    const DmvName *before = find_interface(f->names_before, interface);

    for (size_t i = 0; i < w->n_devices; i++)
        if (dmv_strv_contains(w->devices[i].interfaces, interface))
            return w->devices[i].slot;
    return before ? before->slot : NULL;
}

static bool has_slot(const DmvLifeline *items, size_t n, const char *slot)
{
    for (size_t i = 0; i < n; i++)
        if (dmv_lifeline_has_slot(&items[i], slot))
            return true;
    return false;
}

/* Does a selected driver or a lifeline have to do with the device? */
static bool is_our_slot(const DmvHealthFacts *f, const char *slot)
{
    const DmvWorld *w = f->view->facts.world;

    for (size_t i = 0; i < f->view->n_drivers; i++)
        if (f->view->drivers[i].selection && dmv_strv_contains(f->view->drivers[i].slots, slot))
            return true;
    return has_slot(w->lifelines, w->n_lifelines, slot) ||
           has_slot(f->lifelines_before, f->n_lifelines_before, slot);
}

static bool is_lifeline(const DmvLifeline *items, size_t n, const char *interface)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].kind == DMV_LIFELINE_MANAGEMENT && dmv_streq(items[i].what, interface))
            return true;
    return false;
}

/* A cable that was pulled from a card with which nobody changed anything is no reason to go back. */
static bool is_ours(const DmvHealthFacts *f, const char *interface)
{
    const DmvWorld *w = f->view->facts.world;
    const char *slot = slot_of(f, interface);

    return (slot && is_our_slot(f, slot)) || is_lifeline(w->lifelines, w->n_lifelines, interface) ||
           is_lifeline(f->lifelines_before, f->n_lifelines_before, interface);
}

/* ---- links ---- */

/* Has the lifeline another interface that is up? */
static bool has_link(const DmvHealthFacts *f, const DmvLifeline *l)
{
    for (char *const *link = f->links_now; link && *link; link++) {
        const char *slot = slot_of(f, *link);

        if (slot && dmv_lifeline_has_slot(l, slot))
            return true;
    }
    return false;
}

static bool stands_on(const DmvHealthFacts *f, const DmvLifeline *items, size_t n, const char *slot)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].kind == DMV_LIFELINE_MANAGEMENT && dmv_lifeline_has_slot(&items[i], slot) &&
            !has_link(f, &items[i]))
            return true;
    return false;
}

/* Was it the last link under the management? */
static bool loses_management(const DmvHealthFacts *f, const char *interface)
{
    const DmvWorld *w = f->view->facts.world;
    const char *slot = slot_of(f, interface);

    return slot && (stands_on(f, w->lifelines, w->n_lifelines, slot) ||
                    stands_on(f, f->lifelines_before, f->n_lifelines_before, slot));
}

int dmv_health_judge_links(const DmvHealthFacts *f, DmvHealth *h)
{
    int r = 0;

    for (char *const *link = f->links_before; r == 0 && link && *link; link++) {
        DmvHealthVerdict down =
            dmv_health_not_yet(loses_management(f, *link) ? dmv_health_lost : dmv_health_fatal);

        if (dmv_strv_contains(f->links_now, dmv_health_name_now(f, *link)))
            r = dmv_health_add(h, dmv_health_ok, *link, "the link is up");
        else
            r = dmv_health_add(h, is_ours(f, *link) ? down : dmv_health_warning, *link,
                               "the link was up and is not any more");
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

/* What the kernel said in the last good boot as well was no reason then. */
static int judge_line(const DmvHealthFacts *f, const char *line, const char *driver, DmvHealth *h)
{
    if (dmv_strv_contains(f->kernel_log_before, line))
        return dmv_health_add(h, dmv_health_warning, driver,
                              "the kernel says, as it did when all was good: %s", line);
    return dmv_health_add(h, dmv_health_fatal, driver, "the kernel says: %s", line);
}

int dmv_health_judge_kernel_log(const DmvHealthFacts *f, DmvHealth *h)
{
    int r = f->kernel_log_problem
                ? dmv_health_add(h, dmv_health_warning, "kernel log", "%s", f->kernel_log_problem)
                : 0;

    for (char *const *line = f->kernel_log; r == 0 && line && *line; line++)
        for (size_t i = 0; r == 0 && dmv_health_is_failure(*line) && i < f->view->n_drivers; i++)
            if (f->view->drivers[i].selection && is_about(*line, &f->view->drivers[i]))
                r = judge_line(f, *line, f->view->drivers[i].name, h);
    return r;
}

/* ---- names ---- */

static bool have_same_driver(const DmvWorld *w, const char *a, const char *b)
{
    const DmvDevice *x = dmv_world_device(w, a), *y = dmv_world_device(w, b);

    return x && y && x->driver && dmv_streq(x->driver, y->driver);
}

/* Does an interface of the same driver come before it that came after it? Drivers of different cards race at
 * every boot, one driver finds its own in the same order. */
static bool is_overtaken_by_sibling(const DmvHealthFacts *f, const DmvNameDifference *x)
{
    for (size_t i = 0; i < f->names_before->n; i++) {
        const DmvName *other = &f->names_before->items[i], *now = NULL;

        if (other->kind == DMV_NAME_INTERFACE && other->order > x->before->order)
            now = find_interface(f->names_now, other->name);
        if (now && now->order < x->now->order &&
            have_same_driver(f->view->facts.world, now->slot, x->now->slot))
            return true;
    }
    return false;
}

/* What is configured by the name of an interface would be another card; the letters of disks are the kernel's
 * whim at every boot. */
static int judge_name(const DmvHealthFacts *f, const DmvNameDifference *x, DmvHealth *h)
{
    DmvHealthVerdict changed = f->allow_renames ? dmv_health_warning : dmv_health_fatal;

    switch (x->change) {
    case DMV_NAME_RENAMED:
        return dmv_health_add(h, x->before->kind == DMV_NAME_INTERFACE ? changed : dmv_health_warning,
                              x->before->name, "it is called %s now (%s)", x->now->name, x->now->slot);
    case DMV_NAME_GONE:
        return dmv_health_add(h, is_our_slot(f, x->before->slot) ? changed : dmv_health_warning,
                              x->before->name, "it is gone (it was on %s)", x->before->slot);
    case DMV_NAME_NEW:
        return dmv_health_add(h, dmv_health_ok, x->now->name, "it is new (on %s)", x->now->slot);
    case DMV_NAME_REORDERED:
        return dmv_health_add(h, is_overtaken_by_sibling(f, x) ? changed : dmv_health_warning,
                              x->before->name, "the kernel found others before it this time");
    case DMV_NAME_CHANGE_MAX:
    case DMV_NAME_CHANGE_INVALID:
        break;
    }
    return 0;
}

int dmv_health_judge_names(const DmvHealthFacts *f, DmvHealth *h)
{
    DMV_CLEANUP_FREE DmvNameDifference *differences = NULL;
    size_t n = 0;
    int r = 0;

    if (f->names_before && f->names_now)
        r = dmv_names_compare(f->names_before, f->names_now, &differences, &n);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = judge_name(f, &differences[i], h);
    return r;
}
