/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packages by their names, sorted once: a disk has up to 4096, a catalog some 100,000. */
#include "model/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A package of the disk, by its last component. */
typedef struct Package {
    const char *base, *path;
    bool named; /* by the catalog */
} Package;

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const Package *)a)->base, ((const Package *)b)->base);
}

static int sort_packages(char *const *paths, Package **ret, size_t *ret_n, DmvError *reterr)
{
    size_t n = dmv_strv_length(paths);
    DMV_CLEANUP_FREE Package *list = calloc(n + 1, sizeof(*list));

    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        list[i] = (Package){.base = base_of(paths[i]), .path = paths[i]};
    qsort(list, n, sizeof(*list), compare);
    for (size_t i = 1; i < n; i++)
        if (compare(&list[i - 1], &list[i]) == 0)
            return dmv_error_set(reterr, DMV_MALFORMED, NULL, "ask its maker for another one",
                                 "the package %s is there twice", list[i].base);
    *ret = DMV_TAKE_PTR(list);
    *ret_n = n;
    return 0;
}

int dmv_import_check(char *const *paths, DmvError *reterr)
{
    DMV_CLEANUP_FREE Package *list = NULL;
    size_t n = 0;

    return sort_packages(paths, &list, &n, reterr);
}

static const DmvViewRelease *find(const DmvView *v, const DmvRelease *r)
{
    const DmvViewDriver *d = dmv_view_driver(v, r->driver);

    for (size_t i = 0; d && i < d->n_releases; i++)
        if (d->releases[i].catalog == r)
            return &d->releases[i];
    return NULL;
}

static int add_release(DmvImport *x, const DmvRelease *r, DmvImportRelease **ret)
{
    DmvImportRelease *new = DMV_ARRAY_ADD(x->releases, x->n_releases);

    if (!new || asprintf(&new->name, "%s/%s@%s", r->driver, r->variant, r->version) < 0) {
        if (new)
            new->name = NULL;
        return -ENOMEM;
    }
    *ret = new;
    return 0;
}

static int match_release(const DmvView *v, const DmvRelease *r, Package *list, size_t n, DmvImport *x)
{
    const DmvViewRelease *seen = find(v, r);
    DmvImportRelease *found = NULL;
    int e = 0;

    for (size_t i = 0; e == 0 && i < r->n_packages; i++) {
        const Package key = {.base = base_of(r->packages[i].href)};
        Package *p = bsearch(&key, list, n, sizeof(*list), compare);

        if (!p)
            continue;
        p->named = true;
        if (!found)
            e = add_release(x, r, &found);
        if (e == 0 && seen && dmv_strv_contains(seen->kernels, r->packages[i].kernel)) {
            e = dmv_strv_push(&found->kernels, r->packages[i].kernel);
            if (e == 0)
                e = dmv_strv_push(&found->paths, p->path);
        }
    }
    return e;
}

int dmv_import_match(const DmvView *v, const DmvCatalog *c, char *const *paths, DmvImport *ret,
                     DmvError *reterr)
{
    DMV_CLEANUP_FREE Package *list = NULL;
    DMV_CLEANUP_IMPORT DmvImport x = {0};
    size_t n = 0;
    int r = sort_packages(paths, &list, &n, reterr);

    for (size_t i = 0; r == 0 && i < c->n_releases; i++)
        r = match_release(v, &c->releases[i], list, n, &x);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (!list[i].named)
            r = dmv_strv_push(&x.unknown, list[i].path);
    if (r != 0)
        return r;
    *ret = x;
    x = (DmvImport){0};
    return 0;
}

void dmv_import_deinit(DmvImport *i)
{
    for (size_t n = 0; n < i->n_releases; n++) {
        free(i->releases[n].name);
        dmv_strv_free(i->releases[n].kernels);
        dmv_strv_free(i->releases[n].paths);
    }
    free(i->releases);
    dmv_strv_free(i->unknown);
    *i = (DmvImport){0};
}
