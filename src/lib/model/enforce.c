/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See enforce.h. */
#include "model/enforce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void dmv_enforced_free(DmvEnforced *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(items[i].path);
    free(items);
}

typedef struct List {
    DmvEnforced *items;
    size_t n;
} List;

static void list_deinit(List *l)
{
    dmv_enforced_free(l->items, l->n);
}

/* Takes @path over. */
static int add(List *l, const DmvEnforced *x, char *path)
{
    DMV_CLEANUP_FREE char *owned = path;
    DmvEnforced *place = owned ? DMV_ARRAY_ADD(l->items, l->n) : NULL;

    if (!place)
        return -ENOMEM;
    *place = *x;
    place->path = DMV_TAKE_PTR(owned);
    return 0;
}

static char *join(const char *a, const char *b, const char *c)
{
    char *s = NULL;

    return asprintf(&s, "%s/%s%s%s", a, b, c ? "/" : "", c ? c : "") < 0 ? NULL : s;
}

/* Links of ours are judged by the release that they lead to. */
static int find_in_tree(const DmvView *v, const char *modules_dir, const DmvKernel *k, List *l)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < k->n_files; i++) {
        const DmvModuleFile *f = &k->files[i];
        const DmvEnforced x = {.kernel = k, .file = f};

        if (dmv_module_file_is_foreign(f) && !f->dangling && dmv_view_manager(v, f->name))
            r = add(l, &x, join(modules_dir, k->release, f->path));
    }
    return r;
}

static int find_in_release(const DmvTarget *t, List *l)
{
    const DmvInstalled *release = t->installed;
    int r = 0;

    for (size_t m = 0; release && r == 0 && m < release->n_modules; m++) {
        const DmvEnforced x = {.kernel = t->kernel, .installed = release, .module = release->modules[m].file};

        r = add(l, &x, join(release->folder, release->modules[m].file, NULL));
    }
    return r;
}

int dmv_enforce_find(const DmvView *v, const char *modules_dir, DmvEnforced **ret, size_t *ret_n)
{
    __attribute__((cleanup(list_deinit))) List l = {0};
    const DmvWorld *w = v->facts.world;
    int r = 0;

    for (size_t d = 0; r == 0 && d < v->n_drivers; d++)
        for (size_t t = 0; r == 0 && v->drivers[d].selection && t < v->drivers[d].n_targets; t++)
            r = find_in_release(&v->drivers[d].targets[t], &l);
    for (size_t k = 0; r == 0 && k < w->n_kernels; k++)
        if (dmv_kernel_is_usable(&w->kernels[k]))
            r = find_in_tree(v, modules_dir, &w->kernels[k], &l);
    if (r < 0)
        return r;
    *ret = l.items;
    *ret_n = l.n;
    l = (List){0};
    return 0;
}

int dmv_enforce_check(const DmvEnforced *x, const DmvStandingVerdict *v, DmvError *reterr)
{
    if (v->standing == DMV_STANDING_VERIFIED)
        return 0;
    return dmv_error_set(
        reterr, DMV_UNVERIFIED, NULL,
        x->file ? "remove that file or its package, or set enforce=no in [modules] of dmv.conf"
                : "dmvctl refresh, or select a release that a stream has",
        "%s would be left for kernel %s, and it is not verified (%s)%s%s", x->path, x->kernel->release,
        dmv_standing_to_string(v->standing), v->why ? ": " : "", v->why ? v->why : "");
}
