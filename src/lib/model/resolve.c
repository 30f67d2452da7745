/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolve: World + catalogs + intent -> View.
 *
 * Three passes. Gather: every release that a catalog lists or that lies on the disk, merged by its name. Judge: hardware,
 * machine, kernels, revocation, and the reasons in words. Decide: what the intent means for each kernel, and what the kernel
 * runs, by build-id first and by the vendor's note second, never by what the files suggest.
 */
#include "model/resolve.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <string.h>

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

static void release_deinit(DmvViewRelease *r)
{
    free(r->name);
    free(r->installed);
    dmv_strv_free(r->reasons);
    dmv_strv_free(r->slots);
    dmv_strv_free(r->modules);
    dmv_strv_free(r->kernels);
    *r = (DmvViewRelease){0};
}

static void driver_deinit(DmvViewDriver *d)
{
    for (size_t i = 0; i < d->n_releases; i++)
        release_deinit(&d->releases[i]);
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
    dmv_strv_free(d->slots);
    dmv_problems_deinit(&d->problems);
    *d = (DmvViewDriver){0};
}

void dmv_view_deinit(DmvView *v)
{
    for (size_t i = 0; i < v->n_drivers; i++)
        driver_deinit(&v->drivers[i]);
    free(v->drivers);
    *v = (DmvView){0};
}

__attribute__((format(printf, 2, 3))) static int add_text(char ***list, const char *format, ...)
{
    DMV_CLEANUP_FREE char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return dmv_strv_push(list, text);
}

/* ---- gather ---- */

/* Releases while they are gathered: a flat list, grouped by driver at the end. */
typedef struct Gather {
    const DmvFacts *facts;
    DmvViewRelease *items;
    size_t n;
} Gather;

static void gather_deinit(Gather *g)
{
    for (size_t i = 0; i < g->n; i++)
        release_deinit(&g->items[i]);
    free(g->items);
}

static int gather_source(Gather *g, const DmvSource *source)
{
    const DmvCatalog *c = source->catalog;

    for (size_t i = 0; i < c->n_releases; i++) {
        DmvViewRelease *r = DMV_ARRAY_ADD(g->items, g->n);

        if (!r)
            return -ENOMEM;
        r->driver = c->releases[i].driver;
        r->variant = c->releases[i].variant;
        r->version = c->releases[i].version;
        r->catalog = &c->releases[i];
        r->source = source;
    }
    return 0;
}

static int gather_source_slots(Gather *g, const DmvSource *source, size_t first)
{
    const DmvWorld *w = g->facts->world;

    for (size_t i = 0; i < w->n_devices; i++) {
        DMV_CLEANUP_FREE size_t *keys = NULL;
        size_t n = 0;
        int r = dmv_matcher_find(source->catalog->matcher, &w->devices[i], &keys, &n);

        for (size_t k = 0; r == 0 && k < n; k++)
            r = dmv_strv_push(&g->items[first + keys[k]].slots, w->devices[i].slot);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_installed(DmvViewRelease *r, const DmvInstalled *x)
{
    const DmvInstalled **grown = reallocarray(r->installed, r->n_installed + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    r->installed = grown;
    grown[r->n_installed++] = x;
    return 0;
}

static int matcher_of_installed(const DmvWorld *w, DmvMatcher **ret)
{
    DmvMatcher *m = NULL;
    int r = dmv_matcher_new(&m);

    for (size_t i = 0; r == 0 && i < w->n_installed; i++) {
        const DmvInstalled *x = &w->installed[i];

        for (size_t k = 0; r == 0 && k < x->n_ids; k++)
            r = dmv_matcher_add(m, &x->ids[k], i);
        for (size_t k = 0; r == 0 && k < x->n_modules; k++)
            for (char **a = x->modules[k].info.aliases; r == 0 && a && *a; a++)
                r = dmv_matcher_add_alias(m, *a, i);
    }
    if (r < 0) {
        dmv_matcher_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

static int gather_installed(Gather *g)
{
    const DmvWorld *w = g->facts->world;
    size_t first = g->n;
    DmvMatcher *m = NULL;
    int r = matcher_of_installed(w, &m);

    for (size_t i = 0; r == 0 && i < w->n_installed; i++) {
        DmvViewRelease *x = DMV_ARRAY_ADD(g->items, g->n);

        if (!x)
            r = -ENOMEM;
        else {
            x->driver = w->installed[i].driver;
            x->variant = w->installed[i].variant;
            x->version = w->installed[i].version;
            r = add_installed(x, &w->installed[i]);
        }
    }
    for (size_t i = 0; r == 0 && i < w->n_devices && w->n_installed > 0; i++) {
        DMV_CLEANUP_FREE size_t *keys = NULL;
        size_t n = 0;

        r = dmv_matcher_find(m, &w->devices[i], &keys, &n);
        for (size_t k = 0; r == 0 && k < n; k++)
            r = dmv_strv_push(&g->items[first + keys[k]].slots, w->devices[i].slot);
    }
    dmv_matcher_free(m);
    return r;
}

/* By name; what a catalog lists comes before what is only installed. */
static int compare_identity(const void *a, const void *b)
{
    const DmvViewRelease *x = a, *y = b;
    int c = strcmp(x->driver, y->driver);

    if (!c)
        c = strcmp(x->variant, y->variant);
    if (!c)
        c = strcmp(x->version, y->version);
    if (!c)
        c = (x->catalog == NULL) - (y->catalog == NULL);
    if (!c && x->source != y->source) /* the same release in two streams: the first stream's */
        c = x->source < y->source ? -1 : 1;
    if (!c && x->n_installed && y->n_installed)
        c = strcmp(x->installed[0]->kernel, y->installed[0]->kernel);
    return c;
}

static bool same_identity(const DmvViewRelease *a, const DmvViewRelease *b)
{
    return strcmp(a->driver, b->driver) == 0 && strcmp(a->variant, b->variant) == 0 &&
           strcmp(a->version, b->version) == 0;
}

static int merge_into(DmvViewRelease *to, DmvViewRelease *from)
{
    int r = 0;

    for (char **s = from->slots; r == 0 && s && *s; s++)
        r = dmv_strv_push_unique(&to->slots, *s);
    for (size_t i = 0; r == 0 && i < from->n_installed; i++)
        r = add_installed(to, from->installed[i]);
    release_deinit(from);
    return r;
}

static int gather_merge(Gather *g)
{
    size_t kept = 0;
    int r = 0;

    if (g->n > 1)
        qsort(g->items, g->n, sizeof(g->items[0]), compare_identity);
    for (size_t i = 0; i < g->n; i++) {
        if (kept > 0 && same_identity(&g->items[kept - 1], &g->items[i])) {
            r = r < 0 ? r : merge_into(&g->items[kept - 1], &g->items[i]);
            continue;
        }
        if (kept != i) {
            g->items[kept] = g->items[i];
            g->items[i] = (DmvViewRelease){0};
        }
        kept++;
    }
    /* after a failed merge the rest still has to be freed by the caller */
    g->n = r < 0 ? g->n : kept;
    return r;
}

static int gather(Gather *g)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < g->facts->n_sources; i++) {
        size_t first = g->n;

        r = gather_source(g, &g->facts->sources[i]);
        if (r == 0)
            r = gather_source_slots(g, &g->facts->sources[i], first);
    }
    if (r == 0)
        r = gather_installed(g);
    return r == 0 ? gather_merge(g) : r;
}

/* ---- judge ---- */

bool dmv_release_fits_machine(const DmvRelease *r, const DmvWorld *w)
{
    for (size_t i = 0; i < r->n_dmi; i++) {
        const DmvDmiMatch *m = &r->dmi[i];

        if ((!m->vendor || (w->dmi_vendor && fnmatch(m->vendor, w->dmi_vendor, 0) == 0)) &&
            (!m->product || (w->dmi_product && fnmatch(m->product, w->dmi_product, 0) == 0)))
            return true;
    }
    return r->n_dmi == 0;
}

static int add_module_name(char ***modules, const char *file)
{
    char name[65];

    return dmv_module_name_from_file(file, name, sizeof(name)) ? dmv_strv_push_unique(modules, name) : 0;
}

static int judge_modules(DmvViewRelease *r)
{
    int x = 0;

    for (size_t p = 0; r->catalog && x == 0 && p < r->catalog->n_packages; p++)
        for (size_t f = 0; x == 0 && f < r->catalog->packages[p].n_files; f++)
            if (!dmv_starts_with(r->catalog->packages[p].files[f].path, "firmware/"))
                x = add_module_name(&r->modules, r->catalog->packages[p].files[f].path);
    for (size_t i = 0; i < r->n_installed; i++)
        for (size_t m = 0; x == 0 && m < r->installed[i]->n_modules; m++)
            x = add_module_name(&r->modules, r->installed[i]->modules[m].file);
    return x;
}

static const DmvInstalled *installed_for(const DmvViewRelease *r, const char *kernel)
{
    for (size_t i = 0; i < r->n_installed; i++)
        if (strcmp(r->installed[i]->kernel, kernel) == 0)
            return r->installed[i];
    return NULL;
}

static int judge_kernels(DmvViewRelease *r, const DmvWorld *w)
{
    int x = 0;

    for (size_t i = 0; x == 0 && i < w->n_kernels; i++) {
        const char *k = w->kernels[i].release;

        if (!dmv_kernel_is_usable(&w->kernels[i]))
            continue;
        if ((r->catalog && dmv_release_package(r->catalog, k)) || installed_for(r, k))
            x = dmv_strv_push(&r->kernels, k);
    }
    return x;
}

static const DmvInstalled *first_broken(const DmvViewRelease *r)
{
    for (size_t i = 0; i < r->n_installed; i++)
        if (r->installed[i]->problem)
            return r->installed[i];
    return NULL;
}

/* The reason that was added last speaks against the release. */
static void decide_against(DmvViewRelease *r, DmvVerdict verdict)
{
    r->verdict = verdict;
    r->why = dmv_strv_length(r->reasons) - 1;
}

/* The gravest reason comes last and decides. */
static int judge_reasons(DmvViewRelease *r, const DmvWorld *w)
{
    const DmvInstalled *broken = first_broken(r);
    int x;

    r->verdict = DMV_VERDICT_FITS;
    if (r->slots) {
        x = add_text(&r->reasons, "it supports device %s%s", r->slots[0], r->slots[1] ? " and others" : "");
    } else {
        x = add_text(&r->reasons, "no device of this host is supported by it");
        if (x == 0)
            decide_against(r, DMV_VERDICT_NO_HARDWARE);
    }
    if (x == 0 && r->catalog && !dmv_release_fits_machine(r->catalog, w)) {
        x = add_text(&r->reasons, "it is for other machines than %s %s", w->dmi_vendor ? w->dmi_vendor : "(unknown vendor)",
                     w->dmi_product ? w->dmi_product : "(unknown model)");
        if (x == 0)
            decide_against(r, DMV_VERDICT_OTHER_MACHINE);
    }
    if (x == 0 && !r->kernels) {
        x = add_text(&r->reasons, "it is for none of the installed kernels");
        if (x == 0)
            decide_against(r, DMV_VERDICT_NO_KERNEL);
    }
    if (x == 0 && broken) {
        x = add_text(&r->reasons, "%s: %s", broken->folder, broken->problem);
        if (x == 0)
            decide_against(r, DMV_VERDICT_BROKEN);
    }
    if (x == 0 && r->catalog && r->catalog->revoked) {
        x = add_text(&r->reasons, "it was revoked: %s", r->catalog->revoked);
        if (x == 0)
            decide_against(r, DMV_VERDICT_REVOKED);
    }
    if (x == 0 && r->source && r->source->stale)
        x = add_text(&r->reasons, "the catalog of stream %s has expired", r->source->catalog->stream);
    if (x == 0 && !r->catalog)
        x = add_text(&r->reasons, "no catalog lists it");
    return x;
}

static int judge(DmvViewRelease *r, const DmvWorld *w)
{
    int x = 0;

    if (asprintf(&r->name, "%s/%s@%s", r->driver, r->variant, r->version) < 0) {
        r->name = NULL;
        x = -ENOMEM;
    }
    if (x == 0)
        x = judge_modules(r);
    if (x == 0)
        x = judge_kernels(r, w);
    return x == 0 ? judge_reasons(r, w) : x;
}

/* ---- group ---- */

/* Within a driver: by variant, the newest first; what no catalog orders comes last. */
static int compare_order(const void *a, const void *b)
{
    const DmvViewRelease *x = a, *y = b;
    int64_t sx = x->catalog ? x->catalog->sequence : INT64_MIN, sy = y->catalog ? y->catalog->sequence : INT64_MIN;
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
        d->description = r->catalog ? r->catalog->description : r->n_installed ? r->installed[0]->description : NULL;
}

static int group(DmvView *v, Gather *g)
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
        if (!dmv_view_driver(v, v->facts.intent->items[i].driver) && !add_driver(v, v->facts.intent->items[i].driver))
            return -ENOMEM;
    if (v->n_drivers > 1)
        qsort(v->drivers, v->n_drivers, sizeof(v->drivers[0]), compare_drivers);
    return 0;
}

/* ---- decide ---- */

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

static void find_selected(DmvViewDriver *d)
{
    const DmvSelection *s = d->selection;

    if (s && s->kind == DMV_SELECT_RECOMMENDED)
        d->selected = d->recommended;
    for (size_t i = 0; s && s->kind == DMV_SELECT_RELEASE && i < d->n_releases; i++)
        if (strcmp(d->releases[i].variant, s->variant) == 0 && strcmp(d->releases[i].version, s->version) == 0)
            d->selected = &d->releases[i];
    if (d->selected) {
        d->selected->selected = true;
        d->outdated = d->recommended && d->selected->catalog &&
                      d->selected->catalog->sequence < d->recommended->catalog->sequence;
    }
}

__attribute__((format(printf, 3, 4))) static int target_problem(DmvTarget *t, int code, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&t->problem, format, ap);
    va_end(ap);
    if (n < 0) {
        t->problem = NULL;
        return -ENOMEM;
    }
    t->code = code;
    return 0;
}

/* What a selection other than inbox means for one kernel. Where it cannot be met the kernel's own driver is what loads,
 * never another variant by accident. */
static int decide_target(const DmvViewDriver *d, DmvTarget *t)
{
    const char *kernel = t->kernel->release;
    const DmvSelection *s = d->selection;
    const DmvInstalled *x;

    if (!d->selected && s->kind == DMV_SELECT_RECOMMENDED)
        return target_problem(t, DMV_NO_SUCH_RELEASE, "no catalog recommends a release of %s that fits this host", d->name);
    if (!d->selected || d->selected->n_installed == 0)
        return target_problem(t, DMV_NOT_INSTALLED, "%s/%s@%s is selected, but it is not installed", d->name,
                              d->selected ? d->selected->variant : s->variant,
                              d->selected ? d->selected->version : s->version);
    x = installed_for(d->selected, kernel);
    if (!x)
        return target_problem(t, DMV_NO_KERNEL_RELEASE, "%s is not installed for kernel %s", d->selected->name, kernel);
    if (x->problem)
        return target_problem(t, DMV_BROKEN_RELEASE, "%s cannot be used: %s", d->selected->name, x->problem);
    t->installed = x;
    return 0;
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
    if (r == 0 && d->selected && d->selected->catalog && d->selected->catalog->revoked)
        (void)dmv_problem_add(&d->problems, d->selected->name, DMV_REVOKED, "the selected release was revoked: %s",
                              d->selected->catalog->revoked);
    return r;
}

/* ---- what runs ---- */

static bool release_has_build_id(const DmvViewRelease *r, const char *module, const char *build_id)
{
    char name[65];

    for (size_t i = 0; i < r->n_installed; i++)
        for (size_t m = 0; m < r->installed[i]->n_modules; m++) {
            const DmvModuleInfo *info = &r->installed[i]->modules[m].info;

            if (info->name && info->build_id && dmv_module_name_equal(info->name, module) &&
                strcmp(info->build_id, build_id) == 0)
                return true;
        }
    for (size_t p = 0; r->catalog && p < r->catalog->n_packages; p++)
        for (size_t f = 0; f < r->catalog->packages[p].n_files; f++) {
            const DmvCatalogFile *file = &r->catalog->packages[p].files[f];

            if (file->build_id && strcmp(file->build_id, build_id) == 0 &&
                dmv_module_name_from_file(file->path, name, sizeof(name)) && dmv_module_name_equal(name, module))
                return true;
        }
    return false;
}

static bool is_inbox_build_id(const DmvWorld *w, const char *module, const char *build_id)
{
    for (size_t k = 0; k < w->n_kernels; k++)
        for (size_t i = 0; i < w->kernels[k].n_files; i++) {
            const DmvModuleFile *f = &w->kernels[k].files[i];

            if (f->build_id && f->tree == DMV_TREE_KERNEL && dmv_module_name_equal(f->name, module) &&
                strcmp(f->build_id, build_id) == 0)
                return true;
        }
    return false;
}

static int identify(const DmvWorld *w, const DmvViewDriver *d, DmvViewModule *m)
{
    const DmvLoaded *l = m->loaded;

    for (size_t i = 0; l->build_id && i < d->n_releases; i++)
        if (release_has_build_id(&d->releases[i], m->name, l->build_id)) {
            m->proof = "build_id";
            return dmv_set_string(&m->release, d->releases[i].name);
        }
    if (l->build_id && is_inbox_build_id(w, m->name, l->build_id)) {
        m->proof = "build_id";
        return dmv_set_string(&m->release, "inbox");
    }
    for (size_t i = 0; l->note_variant && l->note_version && i < d->n_releases; i++)
        if (strcmp(d->releases[i].variant, l->note_variant) == 0 &&
            strcmp(d->releases[i].version, l->note_version) == 0) {
            m->proof = "note";
            return dmv_set_string(&m->release, d->releases[i].name);
        }
    return 0;
}

static int look_at_module(const DmvView *v, DmvViewDriver *d, DmvViewModule *m)
{
    const DmvWorld *w = v->facts.world;
    const DmvKernel *running = w->running_kernel ? dmv_world_kernel(w, w->running_kernel) : NULL;
    const DmvIndexEntry *next = running ? dmv_kernel_index(running, m->name) : NULL;
    int r = 0;

    m->loaded = dmv_world_loaded(w, m->name);
    if (next)
        r = dmv_release_of_path(w, running, next->path, &m->next);
    if (r == 0 && m->loaded)
        r = identify(w, d, m);
    return r;
}

/* A loaded module that will not be the one that is loaded next. What cannot be identified only counts where somebody
 * selected something. */
static bool module_needs_reboot(const DmvViewDriver *d, const DmvViewModule *m)
{
    if (!m->loaded || !m->next)
        return false;
    return m->release ? strcmp(m->release, m->next) != 0 : d->selection && strcmp(m->next, "foreign") != 0;
}

static int look_at_running(DmvView *v, DmvViewDriver *d)
{
    int r = 0;
    bool mixed = false;

    for (size_t i = 0; r == 0 && i < d->n_modules; i++) {
        DmvViewModule *m = &d->modules[i];

        r = look_at_module(v, d, m);
        if (r < 0)
            break;
        d->reboot_needed = d->reboot_needed || module_needs_reboot(d, m);
        if (!m->release)
            continue;
        /* a variant may bring fewer modules than the driver has: the kernel's own beside it are no mixture */
        if (!d->active || strcmp(d->active, "inbox") == 0)
            r = dmv_set_string(&d->active, m->release);
        else if (strcmp(m->release, "inbox") != 0 && strcmp(d->active, m->release) != 0)
            mixed = true;
    }
    if (mixed) {
        (void)dmv_problem_add(&d->problems, d->name, DMV_CONFLICT, "modules of different releases are loaded together");
        (void)dmv_set_string(&d->active, NULL);
    }
    for (size_t i = 0; d->active && i < d->n_releases; i++)
        d->releases[i].active = strcmp(d->releases[i].name, d->active) == 0;
    v->reboot_needed = v->reboot_needed || d->reboot_needed;
    return r;
}

int dmv_resolve(const DmvFacts *facts, DmvView *ret)
{
    DMV_CLEANUP_VIEW DmvView v = {.facts = *facts};
    __attribute__((cleanup(gather_deinit))) Gather g = {.facts = facts};
    int r = gather(&g);

    for (size_t i = 0; r == 0 && i < g.n; i++)
        r = judge(&g.items[i], facts->world);
    if (r == 0)
        r = group(&v, &g);
    if (r == 0)
        r = group_intent(&v);
    for (size_t i = 0; r == 0 && i < v.n_drivers; i++) {
        DmvViewDriver *d = &v.drivers[i];

        r = collect_modules_and_slots(d);
        if (r < 0)
            break;
        find_recommended(d);
        find_selected(d);
        r = decide_targets(&v, d);
        if (r == 0)
            r = look_at_running(&v, d);
    }
    if (r < 0)
        return r;
    *ret = v;
    v = (DmvView){0};
    return 0;
}
