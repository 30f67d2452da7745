/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a plan would lead to.
 *
 * The index that the steps would make is made for real, by the depmod that would make it, over a shadow of
 * the tree with the steps applied; nothing about its rules is guessed. Steps are judged as strictly as those
 * of a transaction, because a link that a transaction would refuse must not be followed here either.
 */
#include "daemon/apply/forecast.h"

#include <errno.h>
#include <string.h>

#include "daemon/apply/images.h"
#include "daemon/apply/index.h"
#include "daemon/apply/step.h"
#include "host/lookup.h"

typedef struct Forecaster {
    const DmvRoots *roots;
    const char *kver;
    char *const *keys;
    DmvOutlook *outlook;
} Forecaster;

static int look_up(const Forecaster *f, const char *folder, DmvLookups *ret, bool *ret_has)
{
    int r = dmv_lookup(f->roots, folder, f->keys, ret);

    *ret_has = r == 0;
    if (r == 0 || r == -ENOMEM)
        return r;
    if (r == -ENOENT)
        return dmv_strv_pushf_unique(&f->outlook->problems,
                                     "this kernel has no index: depmod was never run for it");
    return dmv_strv_pushf_unique(&f->outlook->problems, "the index of this kernel cannot be read: %s",
                                 strerror(-r));
}

/* ---- the shadow ---- */

/* Return: 0; 1 if depmod failed, which is a problem of the outlook then; -ENOMEM. */
static int index_shadow(const Forecaster *f, DmvShadow *shadow)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *dangling = dmv_shadow_dangling(shadow);
    int r = dmv_shadow_index(shadow, &e);

    if (r != -ENOMEM && dangling &&
        dmv_strv_pushf_unique(
            &f->outlook->problems,
            "%s leads nowhere: depmod complains about it, and an activation would be undone", dangling) < 0)
        return -ENOMEM;
    if (r == 0 || r == -ENOMEM)
        return r;
    r = dmv_strv_pushf_unique(&f->outlook->problems, "depmod was tried and failed: %s",
                              e.why ? e.why : strerror(r < 0 ? -r : EIO));
    return r < 0 ? r : 1;
}

/* The folder that holds the next index. @ret_shadow NULL afterwards: it could not be made, and there is a
 * problem that says why. */
static int make_next(const Forecaster *f, const DmvStep *steps, size_t n_steps, DmvShadow **ret_shadow)
{
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    int r = dmv_index_shadow(f->roots, f->kver, &shadow);

    for (size_t i = 0; r == 0 && i < n_steps; i++)
        r = dmv_index_shadow_step(f->roots, f->kver, shadow, &steps[i]);
    if (r < 0 && r != -ENOMEM)
        return dmv_strv_pushf_unique(&f->outlook->problems, "what depmod would do cannot be tried: %s",
                                     strerror(-r));
    if (r == 0)
        r = index_shadow(f, shadow);
    if (r > 0)
        return 0;
    if (r == 0)
        *ret_shadow = DMV_TAKE_PTR(shadow);
    return r;
}

/* ---- the call ---- */

static int check_steps(const DmvRoots *r, const char *kver, const DmvStep *steps, size_t n, bool *ret_depmod,
                       DmvError *reterr)
{
    for (size_t i = 0; i < n; i++) {
        int result = dmv_apply_step_check(r, &steps[i], reterr);

        if (result != 0)
            return result;
        *ret_depmod = *ret_depmod || (steps[i].kind == DMV_STEP_DEPMOD && dmv_streq(steps[i].kernel, kver));
    }
    return 0;
}

/* Without a depmod step nothing touches the index. */
static int fill(const Forecaster *f, const DmvStep *steps, size_t n_steps, bool depmod)
{
    DMV_CLEANUP_FREE char *relative = dmv_roots_kernel_path(f->roots, f->kver, NULL);
    DMV_CLEANUP_FREE char *now = relative ? dmv_roots_path(f->roots, relative) : NULL;
    DMV_CLEANUP_SHADOW DmvShadow *shadow = NULL;
    const char *next;
    int r = now ? look_up(f, now, &f->outlook->now, &f->outlook->has_now) : -ENOMEM;

    if (r == 0 && depmod)
        r = make_next(f, steps, n_steps, &shadow);
    next = shadow ? dmv_shadow_folder(shadow) : now;
    if (r == 0 && (shadow || (!depmod && f->outlook->has_now)))
        r = look_up(f, next, &f->outlook->next, &f->outlook->has_next);
    return r == 0 ? dmv_forecast_images(f->roots, now, next, f->outlook) : r;
}

int dmv_forecast_kernel(const DmvRoots *r, const char *kver, const DmvStep *steps, size_t n_steps,
                        char *const *keys, DmvOutlook *ret, DmvError *reterr)
{
    DMV_CLEANUP_OUTLOOK DmvOutlook o = {0};
    const DmvStep kernel = {.kind = DMV_STEP_DEPMOD, .kernel = (char *)kver};
    const Forecaster f = {.roots = r, .kver = kver, .keys = keys, .outlook = &o};
    bool depmod = false;
    int result = dmv_apply_step_check(r, &kernel, reterr);

    if (result == 0)
        result = check_steps(r, kver, steps, n_steps, &depmod, reterr);
    if (result == 0)
        result = dmv_set_string(&o.kernel, kver);
    if (result == 0)
        result = fill(&f, steps, n_steps, depmod);
    if (result != 0)
        return result;
    *ret = o;
    o = (DmvOutlook){0};
    return 0;
}
