/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forecast: what the outlooks mean for each device and each image.
 *
 * A device has several modaliases (its own and those of what sits right below it, such as virtio), and each
 * may match several modules: all of them are loaded at boot, in this order, so all of them are shown. What
 * stands in the way (blacklist, install rule) and what comes with them (softdeps, dependencies that change)
 * is told in words, because it decides nothing here.
 */
#include "model/forecast.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct Judge {
    const DmvView *view;
    const DmvPlan *plan;
    const DmvKernel *kernel;
    const DmvOutlook *outlook;
    DmvForecast *forecast;
} Judge;

/* ---- freeing ---- */

static void bounds_free(DmvBound *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(items[i].module);
        free(items[i].path);
        free(items[i].release);
        free(items[i].install);
    }
    free(items);
}

static void image_deinit(DmvImageForecast *x)
{
    for (size_t i = 0; i < x->n_copies; i++) {
        free(x->copies[i].module);
        free(x->copies[i].build_id);
        free(x->copies[i].release);
        free(x->copies[i].next_release);
        dmv_strv_free(x->copies[i].slots);
    }
    free(x->copies);
    free(x->kernel);
    free(x->path);
    free(x->problem);
    free(x->next);
}

void dmv_forecast_deinit(DmvForecast *f)
{
    for (size_t i = 0; i < f->n_devices; i++) {
        bounds_free(f->devices[i].now, f->devices[i].n_now);
        bounds_free(f->devices[i].next, f->devices[i].n_next);
        free(f->devices[i].kernel);
        dmv_strv_free(f->devices[i].notes);
    }
    for (size_t i = 0; i < f->n_images; i++)
        image_deinit(&f->images[i]);
    free(f->devices);
    free(f->images);
    dmv_problems_deinit(&f->problems);
    *f = (DmvForecast){0};
}

/* ---- keys ---- */

int dmv_forecast_keys(const DmvWorld *w, char ***ret)
{
    DMV_CLEANUP_STRV char **all = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_devices; i++) {
        const DmvDevice *d = &w->devices[i];

        if (d->physfn)
            continue;
        if (d->modalias)
            r = dmv_strv_push(&all, d->modalias);
        for (char **c = d->child_modaliases; r == 0 && c && *c; c++)
            r = dmv_strv_push(&all, *c);
    }
    if (r < 0)
        return r;
    dmv_strv_sort_unique(all);
    *ret = DMV_TAKE_PTR(all);
    return 0;
}

/* ---- devices ---- */

/* The release that a file will be: of a link that the plan makes, the plan knows it. */
static int release_of(const Judge *j, const char *module, const char *path, bool next, char **ret)
{
    for (size_t i = 0; next && path && i < j->plan->n_predictions; i++) {
        const DmvPrediction *x = &j->plan->predictions[i];

        if (strcmp(x->kernel, j->kernel->release) == 0 && dmv_module_name_equal(x->module, module) &&
            dmv_streq(x->next, path))
            return dmv_set_string(ret, x->next_release);
    }
    return dmv_release_of_path(j->view->facts.world, j->kernel, path, ret);
}

static const DmvBound *find_bound(const DmvBound *items, size_t n, const char *module)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(items[i].module, module) == 0)
            return &items[i];
    return NULL;
}

static int add_bound(const Judge *j, const DmvAction *a, bool next, DmvBound **items, size_t *n)
{
    DmvBound *b;

    if (find_bound(*items, *n, a->module))
        return 0;
    b = dmv_array_grow(items, n, sizeof(**items));
    if (!b || dmv_set_string(&b->module, a->module) < 0 || dmv_set_string(&b->path, a->path) < 0 ||
        dmv_set_string(&b->install, a->install) < 0)
        return -ENOMEM;
    return release_of(j, a->module, a->path, next, &b->release);
}

/* One side, now or next: modules that bind, and apart from them what they bring along. */
typedef struct Side {
    DmvBound *bound, *others;
    size_t n_bound, n_others;
} Side;

static void side_deinit(Side *s)
{
    bounds_free(s->bound, s->n_bound);
    bounds_free(s->others, s->n_others);
}

static int note_lookup(DmvDeviceForecast *d, const DmvLookup *l)
{
    int r = 0;

    for (char **m = l->blacklisted; r == 0 && m && *m; m++)
        r = dmv_strv_pushf_unique(
            &d->notes, "%s matches and is blacklisted in modprobe.d: it is not loaded by itself", *m);
    for (char **s = l->softdeps; r == 0 && s && *s; s++)
        r = dmv_strv_pushf_unique(&d->notes, "softdep of %s", *s);
    for (size_t i = 0; r == 0 && i < l->n_actions; i++)
        if (l->actions[i].install)
            r = dmv_strv_pushf_unique(&d->notes,
                                      "an install rule of modprobe.d runs in the place of loading %s: %s",
                                      l->actions[i].module, l->actions[i].install);
    if (r == 0 && l->problem)
        r = dmv_strv_pushf_unique(&d->notes, "the lookup failed: %s", l->problem);
    return r;
}

static int add_lookup(const Judge *j, DmvDeviceForecast *d, const DmvLookups *all, const char *key, bool next,
                      Side *side)
{
    const DmvLookup *l = key ? dmv_lookups_find(all, key) : NULL;
    int r = l && next ? note_lookup(d, l) : 0;

    for (size_t i = 0; l && r == 0 && i < l->n_actions; i++)
        r = l->actions[i].direct ? add_bound(j, &l->actions[i], next, &side->bound, &side->n_bound)
                                 : add_bound(j, &l->actions[i], next, &side->others, &side->n_others);
    return r;
}

static int fill_side(const Judge *j, DmvDeviceForecast *d, bool next, Side *side)
{
    const DmvLookups *all = next ? &j->outlook->next : &j->outlook->now;
    int r = add_lookup(j, d, all, d->device->modalias, next, side);

    for (char **c = d->device->child_modaliases; r == 0 && c && *c; c++)
        r = add_lookup(j, d, all, *c, next, side);
    return r;
}

static bool bound_equal(const DmvBound *a, const DmvBound *b)
{
    return strcmp(a->module, b->module) == 0 && dmv_streq(a->path, b->path) &&
           dmv_streq(a->release, b->release) && dmv_streq(a->install, b->install);
}

static bool bounds_equal(const Side *a, const Side *b)
{
    if (a->n_bound != b->n_bound)
        return false;
    for (size_t i = 0; i < a->n_bound; i++)
        if (!bound_equal(&a->bound[i], &b->bound[i]))
            return false;
    return true;
}

static const char *name_of(const DmvBound *b)
{
    return !b ? "nothing" : b->path ? b->path : b->install ? "an install rule" : "the kernel itself";
}

/* Dependencies and softdeps whose files differ. */
static int compare_others(DmvDeviceForecast *d, const Side *now, const Side *next)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < next->n_others; i++) {
        const DmvBound *to = &next->others[i], *from = find_bound(now->others, now->n_others, to->module);

        if (from && bound_equal(from, to))
            continue;
        d->changed = true;
        r = dmv_strv_pushf_unique(&d->notes, "%s, which is loaded with it, comes from %s%s%s", to->module,
                                  name_of(to), from ? " instead of " : "", from ? name_of(from) : "");
    }
    for (size_t i = 0; r == 0 && i < now->n_others; i++)
        if (!find_bound(next->others, next->n_others, now->others[i].module)) {
            d->changed = true;
            r = dmv_strv_pushf_unique(&d->notes, "%s is not loaded with it any more", now->others[i].module);
        }
    return r;
}

static int judge_device(const Judge *j, const DmvDevice *device)
{
    DMV_CLEANUP(side_deinit) Side now = {0};
    DMV_CLEANUP(side_deinit) Side next = {0};
    DmvDeviceForecast *d = DMV_ARRAY_ADD(j->forecast->devices, j->forecast->n_devices);
    int r = d ? dmv_set_string(&d->kernel, j->kernel->release) : -ENOMEM;

    if (r < 0)
        return r;
    d->device = device;
    r = fill_side(j, d, false, &now);
    if (r == 0)
        r = fill_side(j, d, true, &next);
    if (r == 0) {
        d->changed = !bounds_equal(&now, &next);
        r = compare_others(d, &now, &next);
    }
    d->now = DMV_TAKE_PTR(now.bound);
    d->n_now = now.n_bound;
    d->next = DMV_TAKE_PTR(next.bound);
    d->n_next = next.n_bound;
    now.n_bound = next.n_bound = 0;
    return r;
}

/* ---- images ---- */

/* What the tree gives next for a module, whoever needs it. */
static const DmvAction *next_action(const DmvOutlook *o, const char *module)
{
    for (size_t i = 0; i < o->next.n; i++)
        for (size_t a = 0; a < o->next.items[i].n_actions; a++)
            if (dmv_module_name_equal(o->next.items[i].actions[a].module, module))
                return &o->next.items[i].actions[a];
    return NULL;
}

static bool lookup_names(const DmvLookups *all, const char *key, const char *module)
{
    const DmvLookup *l = key ? dmv_lookups_find(all, key) : NULL;

    for (size_t a = 0; l && a < l->n_actions; a++)
        if (dmv_module_name_equal(l->actions[a].module, module))
            return true;
    return false;
}

static bool device_needs(const DmvOutlook *o, const DmvDevice *d, const char *module)
{
    if (lookup_names(&o->next, d->modalias, module) || lookup_names(&o->now, d->modalias, module))
        return true;
    for (char **c = d->child_modaliases; c && *c; c++)
        if (lookup_names(&o->next, *c, module) || lookup_names(&o->now, *c, module))
            return true;
    return false;
}

/* Which installed release of this kernel has a module with that build-id. */
static int release_of_build_id(const Judge *j, const char *module, const char *build_id, char **ret)
{
    const DmvWorld *w = j->view->facts.world;

    for (size_t i = 0; i < w->n_installed; i++)
        for (size_t m = 0; m < w->installed[i].n_modules; m++) {
            const DmvInstalled *x = &w->installed[i];
            const DmvModuleInfo *info = &x->modules[m].info;

            if (!info->name || !dmv_module_name_equal(info->name, module) ||
                !dmv_streq(info->build_id, build_id) || strcmp(x->kernel, j->kernel->release) != 0)
                continue;
            if (asprintf(ret, "%s/%s@%s", x->driver, x->variant, x->version) >= 0)
                return 0;
            *ret = NULL;
            return -ENOMEM;
        }
    return 0;
}

/* What a copy is: an installed release, or one of the two files that the tree gives now and next. */
static int identify_copy(const Judge *j, const DmvCopy *c, char **ret)
{
    const DmvLookups *sides[] = {&j->outlook->now, &j->outlook->next};
    int r = c->build_id ? release_of_build_id(j, c->module, c->build_id, ret) : 0;

    for (size_t s = 0; r == 0 && !*ret && c->build_id && s < DMV_N_ELEMENTS(sides); s++)
        for (size_t i = 0; r == 0 && !*ret && i < sides[s]->n; i++)
            for (size_t a = 0; r == 0 && !*ret && a < sides[s]->items[i].n_actions; a++) {
                const DmvAction *x = &sides[s]->items[i].actions[a];

                if (dmv_module_name_equal(x->module, c->module) && dmv_streq(x->build_id, c->build_id))
                    r = release_of(j, x->module, x->path, s == 1, ret);
            }
    return r;
}

/* A copy whose build-id, or whose counterpart's, is not known cannot be told from another: nothing is
 * claimed. A copy that the tree gives up altogether is stale. */
static bool is_stale(const Judge *j, const DmvCopy *c, const DmvAction *next)
{
    if (!j->outlook->has_next)
        return false;
    if (!next || !next->path)
        return true;
    return c->build_id && next->build_id && strcmp(c->build_id, next->build_id) != 0;
}

static int judge_copy(const Judge *j, const DmvImageOutlook *image, const DmvCopy *c, DmvImageForecast *x)
{
    const DmvWorld *w = j->view->facts.world;
    const DmvAction *next = next_action(j->outlook, c->module);
    DMV_CLEANUP_STRV char **slots = NULL;
    DmvCopyForecast *f;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_devices; i++)
        if (!w->devices[i].physfn && device_needs(j->outlook, &w->devices[i], c->module))
            r = dmv_strv_push(&slots, w->devices[i].slot);
    if (r < 0 || !slots)
        return r;
    f = DMV_ARRAY_ADD(x->copies, x->n_copies);
    if (!f || dmv_set_string(&f->module, c->module) < 0 || dmv_set_string(&f->build_id, c->build_id) < 0)
        return -ENOMEM;
    f->slots = DMV_TAKE_PTR(slots);
    /* the image's own modprobe.d keeps this one from being loaded there: the tree's turn comes later */
    f->stale = is_stale(j, c, next) && !dmv_strv_contains(image->blacklist, c->module);
    x->stale = x->stale || f->stale;
    r = identify_copy(j, c, &f->release);
    return r == 0 && next ? release_of(j, c->module, next->path, true, &f->next_release) : r;
}

/* Does the plan have a step that builds it again for one of its stale copies? */
static bool is_rebuilt(const Judge *j, const DmvImageOutlook *image, const DmvImageForecast *x)
{
    for (size_t s = 0; image->builder && s < j->plan->n_steps; s++) {
        const DmvStep *step = &j->plan->steps[s];

        if (step->kind != DMV_STEP_INITRD || !dmv_streq(step->kernel, j->kernel->release))
            continue;
        for (size_t i = 0; i < x->n_copies; i++)
            for (char **m = step->modules; x->copies[i].stale && m && *m; m++)
                if (dmv_module_name_equal(*m, x->copies[i].module))
                    return true;
    }
    return false;
}

static int say_what_to_do(const Judge *j, const DmvImageOutlook *image, DmvImageForecast *x)
{
    int n;

    if (is_rebuilt(j, image, x))
        n = asprintf(&x->next, "activating builds it again with %s", image->builder);
    else if (!image->builder)
        n = asprintf(&x->next,
                     "activating does not rebuild it: run update-initramfs -u -k %s, or dracut -f --kver %s, "
                     "afterwards",
                     x->kernel, x->kernel);
    else if (dmv_ends_with(image->builder, "dracut"))
        n = asprintf(&x->next, "no step rebuilds it: run dracut -f --kver %s", x->kernel);
    else
        n = asprintf(&x->next, "no step rebuilds it: run update-initramfs -u -k %s", x->kernel);
    if (n >= 0)
        return 0;
    x->next = NULL;
    return -ENOMEM;
}

static int judge_image(const Judge *j, const DmvImageOutlook *image)
{
    DmvImageForecast *x = DMV_ARRAY_ADD(j->forecast->images, j->forecast->n_images);
    int r;

    if (!x || dmv_set_string(&x->kernel, j->kernel->release) < 0 ||
        dmv_set_string(&x->path, image->path) < 0 || dmv_set_string(&x->problem, image->problem) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < image->n_copies; i++) {
        r = judge_copy(j, image, &image->copies[i], x);
        if (r < 0)
            return r;
    }
    return x->stale ? say_what_to_do(j, image, x) : 0;
}

/* ---- everything ---- */

static int judge_kernel(const Judge *j)
{
    const DmvWorld *w = j->view->facts.world;
    int r = 0;

    for (char **p = j->outlook->problems; p && *p; p++)
        (void)dmv_problem_add(&j->forecast->problems, j->kernel->release, DMV_TOOL_FAILED, "%s", *p);
    for (size_t i = 0; r == 0 && j->outlook->has_next && i < w->n_devices; i++)
        if (!w->devices[i].physfn)
            r = judge_device(j, &w->devices[i]);
    for (size_t i = 0; r == 0 && i < j->outlook->n_images; i++)
        r = judge_image(j, &j->outlook->images[i]);
    return r;
}

int dmv_forecast(const DmvView *v, const DmvPlan *p, const DmvOutlook *outlooks, size_t n, DmvForecast *ret)
{
    DMV_CLEANUP_FORECAST DmvForecast f = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        const Judge j = {.view = v,
                         .plan = p,
                         .kernel = dmv_world_kernel(v->facts.world, outlooks[i].kernel),
                         .outlook = &outlooks[i],
                         .forecast = &f};

        if (j.kernel)
            r = judge_kernel(&j);
    }
    if (r < 0)
        return r;
    *ret = f;
    f = (DmvForecast){0};
    return 0;
}
