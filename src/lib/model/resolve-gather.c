/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first pass of resolve: every release, from the catalogs and from the disk, merged by its name. What a
 * catalog lists comes first, and of two streams that list the same release the first one counts.
 */
#include <errno.h>
#include <string.h>

#include "model/resolve-internal.h"

void dmv_gather_deinit(DmvGather *g)
{
    for (size_t i = 0; i < g->n; i++)
        dmv_view_release_deinit(&g->items[i]);
    free(g->items);
}

static int gather_source(DmvGather *g, const DmvSource *source)
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

static int gather_source_slots(DmvGather *g, const DmvSource *source, size_t first)
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

static int gather_installed(DmvGather *g)
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
    dmv_view_release_deinit(from);
    return r;
}

static int gather_merge(DmvGather *g)
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

int dmv_gather(DmvGather *g)
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
