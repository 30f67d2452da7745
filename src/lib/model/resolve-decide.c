/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The third pass of resolve: what the intent means for a driver. Where a selection cannot be met for a
 * kernel, that kernel's own driver is what loads, and the problem is said.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "model/resolve-internal.h"

static int collect_modules_and_slots(DmvViewDriver *d)
{
    DMV_CLEANUP_STRV char **names = NULL;

    for (size_t i = 0; i < d->n_releases; i++) {
        for (char **m = d->releases[i].modules; m && *m; m++)
            if (dmv_strv_push_unique(&names, *m) < 0)
                return -ENOMEM;
        for (char **s = d->releases[i].slots; s && *s; s++)
            if (dmv_strv_push_unique(&d->slots, *s) < 0)
                return -ENOMEM;
    }
    dmv_strv_sort(names);
    dmv_strv_sort(d->slots);
    for (char **m = names; m && *m; m++) {
        DmvViewModule *x = DMV_ARRAY_ADD(d->modules, d->n_modules);

        if (!x || dmv_set_string(&x->name, *m) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void find_recommended(DmvViewDriver *d)
{
    for (size_t i = 0; i < d->n_releases; i++) {
        DmvViewRelease *r = &d->releases[i];

        r->recommended = r->catalog && r->catalog->recommended && r->verdict == DMV_VERDICT_FITS;
        if (r->recommended && (!d->recommended || r->catalog->sequence > d->recommended->catalog->sequence))
            d->recommended = r;
    }
    for (size_t i = 0; i < d->n_releases; i++)
        d->releases[i].recommended = &d->releases[i] == d->recommended;
}

static bool is_adopted(const DmvInstalled *x)
{
    return x->origin != DMV_ORIGIN_STORE;
}

/* Another package manager updates a variant in place, and brings one version for each kernel: there the
 * variant was chosen, and its version is what the package manager says. Return: that release for any kernel,
 * or NULL. */
static DmvViewRelease *adopted_release_of_variant(const DmvViewDriver *d, const char *variant)
{
    for (size_t i = 0; i < d->n_releases; i++) {
        DmvViewRelease *r = &d->releases[i];

        for (size_t k = 0; strcmp(r->variant, variant) == 0 && k < r->n_installed; k++)
            if (is_adopted(r->installed[k]) && !r->installed[k]->problem)
                return r;
    }
    return NULL;
}

/* The same for one kernel. */
static const DmvInstalled *adopted_of_variant(const DmvViewDriver *d, const char *variant, const DmvKernel *k)
{
    for (size_t i = 0; i < d->n_releases; i++) {
        const DmvFit *fit = dmv_view_release_fit(&d->releases[i], k->release);

        if (strcmp(d->releases[i].variant, variant) == 0 && fit && fit->installed &&
            is_adopted(fit->installed))
            return fit->installed;
    }
    return NULL;
}

static DmvViewRelease *release_of(const DmvViewDriver *d, const DmvInstalled *x)
{
    for (size_t i = 0; x && i < d->n_releases; i++)
        for (size_t k = 0; k < d->releases[i].n_installed; k++)
            if (d->releases[i].installed[k] == x)
                return &d->releases[i];
    return NULL;
}

static DmvViewRelease *linked_for(const DmvWorld *w, const DmvViewDriver *d, const DmvKernel *k)
{
    DmvViewRelease *r = NULL;

    for (size_t i = 0; k && !r && i < k->n_files; i++)
        if (k->files[i].ours && !k->files[i].dangling)
            r = release_of(d, dmv_file_release(w, k, &k->files[i]));
    return r;
}

/* The release that our links lead to: where kernels differ, that of the one in question. */
static DmvViewRelease *release_in_place(const DmvWorld *w, const DmvViewDriver *d)
{
    DmvViewRelease *r = linked_for(w, d, dmv_world_kernel_in_question(w));

    for (size_t i = 0; !r && i < w->n_kernels; i++)
        r = linked_for(w, d, &w->kernels[i]);
    return r;
}

/* What is recommended may change with every catalog, be revoked, or be gone with a catalog that cannot be
 * read. Until what is recommended now is installed, what is in place stays: nothing of that takes a driver
 * away. */
static DmvViewRelease *follow_recommendation(const DmvView *v, const DmvViewDriver *d)
{
    DmvViewRelease *in_place;

    if (d->recommended && d->recommended->n_installed > 0)
        return d->recommended;
    in_place = release_in_place(v->facts.world, d);
    return in_place ? in_place : d->recommended;
}

static void find_selected(const DmvView *v, DmvViewDriver *d)
{
    const DmvSelection *s = d->selection;
    DmvViewRelease *adopted = NULL;

    if (s && s->kind == DMV_SELECT_RECOMMENDED)
        d->selected = follow_recommendation(v, d);
    if (s && s->kind == DMV_SELECT_RELEASE)
        d->selected = dmv_view_driver_release(d, s->variant, s->version);
    if (s && s->kind == DMV_SELECT_RELEASE && (!d->selected || d->selected->n_installed == 0))
        adopted = adopted_release_of_variant(d, s->variant);
    if (adopted)
        d->selected = adopted;
    if (d->selected) {
        d->selected->selected = true;
        d->outdated = d->recommended && d->selected->catalog &&
                      d->selected->catalog->sequence < d->recommended->catalog->sequence;
    }
}

__attribute__((format(printf, 3, 4))) static int target_problem(DmvTarget *t, int code, const char *format,
                                                                ...)
{
    va_list ap;

    va_start(ap, format);
    t->problem = dmv_vformat(format, ap);
    va_end(ap);
    t->code = code;
    return t->problem ? 0 : -ENOMEM;
}

/* What a selection other than inbox means for one kernel. Where it cannot be met the kernel's own driver is
 * what loads, never another variant by accident. */
static int decide_target(const DmvViewDriver *d, DmvTarget *t)
{
    const char *kernel = t->kernel->release;
    const DmvSelection *s = d->selection;
    const DmvFit *fit;

    if (!d->selected && s->kind == DMV_SELECT_RECOMMENDED)
        return target_problem(t, DMV_NO_SUCH_RELEASE,
                              "no catalog recommends a release of %s that fits this host", d->name);
    if (!d->selected || d->selected->n_installed == 0)
        return target_problem(t, DMV_NOT_INSTALLED, "%s/%s@%s is selected, but it is not installed", d->name,
                              d->selected ? d->selected->variant : s->variant,
                              d->selected ? d->selected->version : s->version);
    fit = dmv_view_release_fit(d->selected, kernel);
    if (fit->code == DMV_BROKEN_RELEASE && dmv_installed_for(d->selected, kernel))
        return target_problem(t, fit->code, "%s cannot be used: %s", d->selected->name, fit->why);
    t->installed = fit->installed;
    if (!t->installed && is_adopted(d->selected->installed[0]))
        t->installed = adopted_of_variant(d, d->selected->variant, t->kernel);
    if (t->installed)
        return 0;
    if (fit->kind == DMV_FIT_AVAILABLE)
        return target_problem(t, DMV_NO_KERNEL_RELEASE,
                              "%s is not installed for kernel %s, but there is a package for it",
                              d->selected->name, kernel);
    return target_problem(t, DMV_NO_KERNEL_RELEASE, "there is no release of %s for kernel %s: %s",
                          d->selected->name, kernel, fit->why);
}

/* A selection of what is recommended, and something else is in place. */
static void say_what_stays(DmvViewDriver *d)
{
    if (!d->selection || d->selection->kind != DMV_SELECT_RECOMMENDED || !d->selected ||
        d->selected == d->recommended)
        return;
    if (d->recommended)
        (void)dmv_problem_add(&d->problems, d->name, DMV_NOT_INSTALLED,
                              "%s is recommended, and it is not installed; %s stays until it is",
                              d->recommended->name, d->selected->name);
    else
        (void)dmv_problem_add(&d->problems, d->name, DMV_NO_SUCH_RELEASE,
                              "no catalog recommends a release of %s that fits this host; %s stays", d->name,
                              d->selected->name);
}

static bool is_better_way(const DmvViewRelease *r, const DmvViewRelease *than)
{
    bool installed = r->n_installed > 0;

    if (!than)
        return true;
    if (r->recommended != than->recommended)
        return r->recommended;
    if (installed != (than->n_installed > 0))
        return installed;
    return r->catalog->sequence > than->catalog->sequence;
}

/* What to take instead of a release that was revoked: the recommended one, else the newest of those that are
 * installed, else the newest. NULL: there is none but the kernel's own driver. */
static const DmvViewRelease *find_way_out(const DmvViewDriver *d)
{
    const DmvViewRelease *best = NULL;

    for (size_t i = 0; i < d->n_releases; i++) {
        const DmvViewRelease *r = &d->releases[i];

        if (r != d->selected && r->catalog && r->verdict == DMV_VERDICT_FITS && !r->refused &&
            (r->n_installed > 0 || !r->source->stale) && is_better_way(r, best))
            best = r;
    }
    return best;
}

#define STAYS "the selected release was revoked: %s; it stays until you choose: "

/* It stays where it is until somebody decides otherwise; what can be decided is said. */
static void say_revoked(DmvViewDriver *d)
{
    const DmvViewRelease *way;
    const char *name, *why;

    if (!d->selected || !d->selected->catalog || !d->selected->catalog->revoked)
        return;
    name = d->selected->name;
    why = d->selected->catalog->revoked;
    way = find_way_out(d);
    if (!way)
        (void)dmv_problem_add(&d->problems, name, DMV_REVOKED,
                              STAYS "dmvctl deselect %s for the kernel's own driver", why, d->name);
    else if (way->n_installed > 0)
        (void)dmv_problem_add(&d->problems, name, DMV_REVOKED,
                              STAYS "dmvctl select %s, or dmvctl deselect %s for the kernel's own driver",
                              why, way->name, d->name);
    else
        (void)dmv_problem_add(
            &d->problems, name, DMV_REVOKED,
            STAYS "dmvctl install %s and select it, or dmvctl deselect %s for the kernel's own driver", why,
            way->name, d->name);
}

static int decide_targets(const DmvView *v, DmvViewDriver *d)
{
    const DmvWorld *w = v->facts.world;
    int r = 0;

    for (size_t i = 0; d->selection && r == 0 && i < w->n_kernels; i++) {
        DmvTarget *t;

        if (!dmv_kernel_is_usable(&w->kernels[i]))
            continue;
        t = DMV_ARRAY_ADD(d->targets, d->n_targets);
        if (!t)
            return -ENOMEM;
        t->kernel = &w->kernels[i];
        if (d->selection->kind != DMV_SELECT_INBOX)
            r = decide_target(d, t);
        if (r == 0 && t->problem)
            (void)dmv_problem_add(&d->problems, d->name, t->code, "%s", t->problem);
    }
    if (r < 0)
        return r;
    say_what_stays(d);
    say_revoked(d);
    if (d->selected && d->selected->refused)
        (void)dmv_problem_add(&d->problems, d->selected->name, DMV_MODULE_KERNEL_REFUSES, "%s",
                              d->selected->refused);
    return 0;
}

int dmv_decide(const DmvView *v, DmvViewDriver *d)
{
    int r = collect_modules_and_slots(d);

    if (r < 0)
        return r;
    find_recommended(d);
    find_selected(v, d);
    return decide_targets(v, d);
}
