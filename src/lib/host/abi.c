/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kernels export and what releases need. See abi.h. */
#include "host/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/symbols.h"
#include "model/fit.h"

typedef struct Kept {
    char *kernel;
    char stamp[DMV_SHA256_HEX];
    DmvKabi *abi;
    DmvProblems problems; /* of reading it, said again each time it is used */
} Kept;

struct DmvAbiCache {
    Kept *items;
    size_t n;
};

static void kept_deinit(Kept *k)
{
    free(k->kernel);
    k->abi = dmv_kabi_free(k->abi);
    dmv_problems_deinit(&k->problems);
    *k = (Kept){0};
}

int dmv_abi_cache_new(DmvAbiCache **ret)
{
    DmvAbiCache *c = calloc(1, sizeof(*c));

    if (!c)
        return -ENOMEM;
    *ret = c;
    return 0;
}

DmvAbiCache *dmv_abi_cache_free(DmvAbiCache *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n; i++)
        kept_deinit(&c->items[i]);
    free(c->items);
    free(c);
    return NULL;
}

static void repeat_problems(const DmvProblems *from, DmvProblems *to)
{
    for (size_t i = 0; i < from->n; i++)
        (void)dmv_problem_add(to, from->items[i].object, from->items[i].code, "%s",
                              from->items[i].why ? from->items[i].why : "");
}

/* ---- releases ---- */

int dmv_observe_symbols(const DmvRoots *r, DmvInstalled *x, DmvProblems *problems)
{
    int e = 0;

    for (size_t i = 0; e != -ENOMEM && i < x->n_modules; i++) {
        DmvInstalledModule *m = &x->modules[i];
        DMV_CLEANUP_FREE char *path = NULL;
        DMV_CLEANUP_CLOSE int fd = -1;
        DMV_CLEANUP_ERROR DmvError error = {0};

        if (m->symbols.arena || m->problem)
            continue;
        if (asprintf(&path, "%s/%s", x->folder, m->file) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        fd = dmv_fs_open(r->fd, path, O_RDONLY | O_NONBLOCK, 0);
        e = fd < 0 ? fd : dmv_symbols_read(fd, &m->symbols, &error);
        if (e != 0 && e != -ENOMEM)
            (void)dmv_problem_add(problems, path, e, "its symbols cannot be read: %s",
                                  error.why ? error.why : strerror(e < 0 ? -e : EIO));
    }
    return e == -ENOMEM ? e : 0;
}

/* ---- kernels ---- */

static int make_table(const DmvRoots *r, const DmvKernel *k, const char *stamp, bool symvers, Kept *ret)
{
    DMV_CLEANUP(kept_deinit) Kept fresh = {0};
    DMV_CLEANUP_FREE char *source = NULL;
    int e = dmv_set_string(&fresh.kernel, k->release);

    if (e == 0)
        e = dmv_symbols_kernel(r, k, &fresh.abi, &source, &fresh.problems);
    if (e < 0)
        return e;
    if (source || !symvers) /* else the stamp says nothing about it, and it is made anew each time */
        memcpy(fresh.stamp, stamp, sizeof(fresh.stamp));
    *ret = fresh;
    fresh = (Kept){0};
    return 0;
}

/* Takes the table out of the old cache, or makes it. */
static int take_table(const DmvRoots *r, DmvAbiCache *old, const DmvKernel *k, Kept *ret)
{
    char stamp[DMV_SHA256_HEX];
    bool symvers = false;
    int e = dmv_symbols_stamp(r, k, stamp, &symvers);

    for (size_t i = 0; e == 0 && i < old->n; i++)
        if (dmv_streq(old->items[i].kernel, k->release) && strcmp(old->items[i].stamp, stamp) == 0) {
            *ret = old->items[i];
            old->items[i] = (Kept){0};
            return 0;
        }
    return e < 0 ? e : make_table(r, k, stamp, symvers, ret);
}

static int observe_tables(const DmvRoots *r, DmvAbiCache *old, DmvAbiCache *fresh, DmvWorld *w)
{
    for (size_t i = 0; i < w->n_kernels; i++) {
        DmvKernel *k = &w->kernels[i];
        Kept *kept;
        int e;

        if (!dmv_fit_needs_table(w, k))
            continue;
        kept = DMV_ARRAY_ADD(fresh->items, fresh->n);
        e = kept ? take_table(r, old, k, kept) : -ENOMEM;
        if (e < 0)
            return e;
        k->abi = dmv_kabi_free(k->abi);
        k->abi = dmv_kabi_ref(kept->abi);
        repeat_problems(&kept->problems, &w->problems);
    }
    return 0;
}

int dmv_observe_abi(const DmvRoots *r, DmvAbiCache *cache, DmvWorld *w)
{
    DmvAbiCache old = {0}, fresh = {0}, *const caches[] = {&old, &fresh};
    int e = 0;

    if (cache) {
        old = *cache;
        *cache = (DmvAbiCache){0};
    }
    for (size_t i = 0; e == 0 && i < w->n_installed; i++)
        if (dmv_fit_needs_symbols(w, &w->installed[i]))
            e = dmv_observe_symbols(r, &w->installed[i], &w->problems);
    if (e == 0)
        e = observe_tables(r, &old, &fresh, w);
    if (cache) {
        *cache = fresh;
        fresh = (DmvAbiCache){0};
    }
    for (size_t c = 0; c < DMV_N_ELEMENTS(caches); c++) {
        for (size_t i = 0; i < caches[c]->n; i++)
            kept_deinit(&caches[c]->items[i]);
        free(caches[c]->items);
    }
    return e;
}
