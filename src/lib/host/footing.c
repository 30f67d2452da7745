/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Footings of guests. A thousand guests have a thousand disks on the same few things, so each backing is gone
 * down from once, and a file only as far as the mount that holds it: what is under that is known from the
 * file before.
 */
#include "host/footing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/fs.h"
#include "host/ground.h"

/* What is under a mount, as found for the first file on it. */
typedef struct Below {
    const DmvMount *mount; /* borrowed from the ground */
    DmvFooting footing;    /* its chain begins at the mount: " on sda2 on sda" */
} Below;

typedef struct Looker {
    const DmvRoots *roots;
    DmvGround ground;
    Below *below;
    size_t n_below;
} Looker;

static void looker_deinit(Looker *l)
{
    for (size_t i = 0; i < l->n_below; i++)
        dmv_footing_deinit(&l->below[i].footing);
    free(l->below);
    dmv_ground_deinit(&l->ground);
}

/* ---- which backings there are ---- */

static int compare_devices(const void *a, const void *b)
{
    const DmvGuestDevice *x = *(const DmvGuestDevice *const *)a, *y = *(const DmvGuestDevice *const *)b;

    return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcmp(x->what, y->what);
}

/* Sorted, each once. */
static int collect_backings(const DmvGuests *g, const DmvGuestDevice ***ret, size_t *ret_n)
{
    const DmvGuestDevice **all;
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < g->n; i++)
        n += g->items[i].n_devices;
    all = calloc(n + 1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    n = 0;
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < g->items[i].n_devices; k++)
            if (g->items[i].devices[k].kind != DMV_BACKING_OTHER)
                all[n++] = &g->items[i].devices[k];
    qsort(all, n, sizeof(*all), compare_devices);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || compare_devices(&all[kept - 1], &all[i]) != 0)
            all[kept++] = all[i];
    *ret = all;
    *ret_n = kept;
    return 0;
}

/* ---- one of them ---- */

static int join_words(char *const *words, char **ret)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    for (size_t i = 0; words && words[i]; i++)
        dmv_text_appendf(&t, "%s%s", i > 0 ? "; " : "", words[i]);
    return dmv_text_take(&t, ret, NULL);
}

/* Moves what a descent has found into a footing, with the modules that those modules need. */
static int take_descent(Looker *l, DmvDescent *d, DmvFooting *f)
{
    int r = dmv_text_take(&d->chain, &f->chain, NULL);

    if (r == 0 && dmv_strv_length(d->unknown) > 0)
        r = join_words(d->unknown, &f->unknown);
    else if (r == 0 && d->n_ends == 0)
        r = dmv_set_string(&f->unknown, "what carries it is not known");
    f->slots = DMV_TAKE_PTR(d->slots);
    f->modules = DMV_TAKE_PTR(d->modules);
    dmv_strv_sort(f->slots);
    return r == 0 ? dmv_ground_add_needed(&l->ground, &f->modules) : r;
}

static int look_below(Looker *l, const DmvMount *m, const DmvFooting **ret)
{
    DMV_CLEANUP_DESCENT DmvDescent d = dmv_ground_descent(&l->ground);
    Below *place;
    int r;

    for (size_t i = 0; i < l->n_below; i++)
        if (l->below[i].mount == m) {
            *ret = &l->below[i].footing;
            return 0;
        }
    r = dmv_descent_mount(&d, m);
    if (r < 0)
        return r;
    place = DMV_ARRAY_ADD(l->below, l->n_below);
    if (!place)
        return -ENOMEM;
    *place = (Below){.mount = m};
    *ret = &place->footing;
    return take_descent(l, &d, &place->footing);
}

/* Where a file is, without links; as it was named if it cannot be looked at. */
static int resolve_file(const Looker *l, const char *path, char **ret)
{
    DMV_CLEANUP_FREE char *where = NULL;
    bool exists = false;
    int r = dmv_fs_resolve(l->roots->fd, path + 1, &where, &exists);

    if (r == -ENOMEM)
        return r;
    if (r < 0 || !exists)
        return dmv_set_string(ret, path);
    if (asprintf(ret, "/%s", where) < 0) {
        *ret = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int follow_file(Looker *l, const char *path, DmvFooting *f)
{
    DMV_CLEANUP_FREE char *where = NULL, *clean = dmv_sanitize(path);
    const DmvFooting *below = NULL;
    const DmvMount *m;
    int r = clean ? 0 : -ENOMEM;

    if (r == 0 && path[0] == '/')
        r = resolve_file(l, path, &where);
    m = where ? dmv_mounts_of_path(&l->ground.mounts, where) : NULL;
    if (r == 0 && m)
        r = look_below(l, m, &below);
    if (r < 0)
        return r;
    if (!below) {
        f->chain = DMV_TAKE_PTR(clean);
        return dmv_set_string(&f->unknown, "nothing that is mounted here holds it");
    }
    if (asprintf(&f->chain, "%s%s", clean, below->chain) < 0) {
        f->chain = NULL;
        return -ENOMEM;
    }
    r = dmv_strv_copy(below->slots, &f->slots);
    if (r == 0)
        r = dmv_strv_copy(below->modules, &f->modules);
    return r == 0 ? dmv_set_string(&f->unknown, below->unknown) : r;
}

static int follow(Looker *l, const char *what, DmvDescentStep step, DmvFooting *f)
{
    DMV_CLEANUP_DESCENT DmvDescent d = dmv_ground_descent(&l->ground);
    int r = step(&d, what);

    return r < 0 ? r : take_descent(l, &d, f);
}

static int find_footing(Looker *l, const DmvGuestDevice *device, DmvFooting *f)
{
    static const DmvDescentStep steps[DMV_BACKING_MAX] = {
        [DMV_BACKING_INTERFACE] = dmv_descent_interface,
        [DMV_BACKING_BLOCK] = dmv_descent_node,
        [DMV_BACKING_PCI] = dmv_descent_given,
    };
    int r = dmv_set_string(&f->what, device->what);

    f->kind = device->kind;
    if (r < 0)
        return r;
    if (l->ground.sysfs < 0)
        return dmv_set_string(&f->unknown, "nothing is known of the hardware under this root");
    return steps[device->kind] ? follow(l, device->what, steps[device->kind], f)
                               : follow_file(l, device->what, f);
}

/* ---- all of them ---- */

static int find_all(Looker *l, const DmvGuestDevice **backings, size_t n, DmvFootings *ret)
{
    for (size_t i = 0; i < n; i++) {
        DmvFooting *f = DMV_ARRAY_ADD(ret->items, ret->n);
        int r = f ? find_footing(l, backings[i], f) : -ENOMEM;

        if (r < 0)
            return r;
    }
    return 0;
}

int dmv_observe_footings(const DmvRoots *r, const DmvGuests *g, DmvProblems *problems, DmvFootings *ret)
{
    DMV_CLEANUP(looker_deinit) Looker l = {.roots = r, .ground = DMV_GROUND_NULL};
    DMV_CLEANUP_FOOTINGS DmvFootings found = {0};
    const DmvGuestDevice **backings = NULL;
    size_t n = 0;
    int e = collect_backings(g, &backings, &n);

    if (e == 0 && n > 0 && r->sysfs && r->procfs)
        e = dmv_ground_read(r, "footing", problems, &l.ground);
    if (e == -ENOENT)
        e = 0;
    if (e == 0)
        e = find_all(&l, backings, n, &found);
    free(backings);
    if (e == 0) {
        *ret = found;
        found = (DmvFootings){0};
    }
    return e;
}
