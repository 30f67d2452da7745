/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which release serves which kernel. See fit.h. */
#include "model/fit.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <string.h>

#include "model/resolve.h"

static const char *const kind_table[] = {
    [DMV_FIT_NONE] = "none",
    [DMV_FIT_EXACT] = "exact",
    [DMV_FIT_COMPATIBLE] = "compatible",
    [DMV_FIT_AVAILABLE] = "available",
};
_Static_assert(DMV_N_ELEMENTS(kind_table) == DMV_FIT_MAX, "a kind of fit has no name");

const char *dmv_fit_kind_to_string(DmvFitKind k)
{
    return k >= 0 && k < DMV_FIT_MAX ? kind_table[k] : "invalid";
}

void dmv_fit_deinit(DmvFit *f)
{
    free(f->why);
    *f = (DmvFit){0};
}

const char *dmv_installed_built_for(const DmvInstalled *x)
{
    return x->built_for ? x->built_for : x->kernel;
}

/* ---- alternate kernels ---- */

bool dmv_fit_is_barred(const DmvKernel *k, const char *tier)
{
    return k->alternate && dmv_streq(tier, "alternate");
}

void dmv_fit_mark_alternate(DmvWorld *w, char *const *patterns)
{
    for (size_t i = 0; i < w->n_kernels; i++) {
        w->kernels[i].alternate = false;
        for (char *const *p = patterns; p && *p; p++)
            if (fnmatch(*p, w->kernels[i].release, 0) == 0)
                w->kernels[i].alternate = true;
    }
}

/* ---- what has to be observed ---- */

/* May this one serve kernels that it was not installed for? */
static bool may_serve_others(const DmvInstalled *x)
{
    return x->origin == DMV_ORIGIN_STORE && !x->problem && x->n_modules > 0;
}

/* Would this kernel have to make do with @x? */
static bool is_asked(const DmvWorld *w, const DmvInstalled *x, const DmvKernel *k)
{
    if (x->built_for && strcmp(x->kernel, k->release) == 0)
        return true;
    return may_serve_others(x) && !dmv_fit_is_barred(k, x->tier) &&
           !dmv_world_installed(w, x->driver, x->variant, x->version, k->release) && dmv_kernel_is_usable(k);
}

bool dmv_fit_needs_symbols(const DmvWorld *w, const DmvInstalled *x)
{
    for (size_t i = 0; i < w->n_kernels; i++)
        if (is_asked(w, x, &w->kernels[i]))
            return true;
    return false;
}

bool dmv_fit_needs_table(const DmvWorld *w, const DmvKernel *k)
{
    for (size_t i = 0; i < w->n_installed; i++)
        if (is_asked(w, &w->installed[i], k))
            return true;
    return false;
}

/* ---- the check ---- */

static int collect_own(const DmvInstalled *x, DmvKabi **ret)
{
    DMV_CLEANUP_KABI DmvKabi *own = NULL;
    int r = dmv_kabi_new(&own);

    for (size_t i = 0; r == 0 && i < x->n_modules; i++)
        r = dmv_kabi_add_exports(own, &x->modules[i].symbols, DMV_KABI_EXPORT, x->modules[i].file);
    if (r == 0)
        *ret = DMV_TAKE_PTR(own);
    return r;
}

static int check_module(const DmvInstalledModule *m, const DmvKabi *own, const DmvKernel *k, DmvError *reterr)
{
    DMV_CLEANUP(dmv_kabi_report_deinit) DmvKabiReport report = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_kabi_check(&m->symbols, own, k->abi, &report, &e);

    if (r > 0)
        return dmv_error_set(reterr, r, e.what, e.next, "%s: %s", m->file,
                             e.why ? e.why : dmv_outcome_reason(r));
    if (r == 0 && report.n_relies > 0)
        return dmv_error_set(reterr, DMV_MODULE_MISSING_SYMBOL, NULL, NULL,
                             "%s: it relies on module %s, which is not one of the kernel's own", m->file,
                             report.relies[0] ? report.relies[0] : "of unknown name");
    return r;
}

int dmv_fit_check(const DmvInstalled *x, const DmvKernel *k, DmvError *reterr)
{
    DMV_CLEANUP_KABI DmvKabi *own = NULL;
    int r;

    if (!k->abi)
        return dmv_error_set(reterr, DMV_KERNEL_ABI_UNKNOWN, NULL, NULL,
                             "nobody knows what kernel %s exports", k->release);
    for (size_t i = 0; i < x->n_modules; i++) {
        if (x->modules[i].problem)
            return dmv_error_set(reterr, DMV_BROKEN_RELEASE, NULL, NULL, "%s: %s", x->modules[i].file,
                                 x->modules[i].problem);
        if (!x->modules[i].symbols.arena)
            return dmv_error_set(reterr, DMV_KERNEL_ABI_UNKNOWN, NULL, NULL,
                                 "the symbols that %s needs are not known", x->modules[i].file);
    }
    r = collect_own(x, &own);
    for (size_t i = 0; r == 0 && i < x->n_modules; i++)
        r = check_module(&x->modules[i], own, k, reterr);
    return r;
}

/* ---- the best one ---- */

__attribute__((format(printf, 3, 4))) static int speak_against(DmvFit *f, int code, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    f->why = dmv_vformat(format, ap);
    va_end(ap);
    f->code = code;
    return f->why ? 0 : -ENOMEM;
}

/* The one for the highest kernel below @below (NULL: any), or NULL. */
static const DmvInstalled *highest(const DmvInstalled *const *all, size_t n, const char *below)
{
    const DmvInstalled *best = NULL;

    for (size_t i = 0; i < n; i++)
        if (may_serve_others(all[i]) && (!below || dmv_compare_releases(all[i]->kernel, below) < 0) &&
            (!best || dmv_compare_releases(all[i]->kernel, best->kernel) > 0))
            best = all[i];
    return best;
}

int dmv_fit_find(const DmvInstalled *const *all, size_t n, const DmvKernel *k, DmvFit *ret)
{
    DMV_CLEANUP(dmv_fit_deinit) DmvFit f = {.kernel = k};
    const DmvInstalled *x = highest(all, n, NULL);
    int r = 0;

    if (!x)
        r = speak_against(&f, DMV_NO_KERNEL_RELEASE, "it is not installed for this kernel");
    for (; r == 0 && x && f.kind == DMV_FIT_NONE; x = highest(all, n, x->kernel)) {
        DMV_CLEANUP_ERROR DmvError e = {0};
        int code = dmv_fit_check(x, k, &e);

        if (code < 0)
            return code;
        if (code > 0 && !f.why)
            r = speak_against(&f, code, "the one for kernel %s does not fit: %s", x->kernel,
                              e.why ? e.why : dmv_outcome_reason(code));
        if (code > 0)
            continue;
        dmv_fit_deinit(&f);
        f = (DmvFit){.kernel = k, .kind = DMV_FIT_COMPATIBLE, .installed = x};
    }
    if (r < 0)
        return r;
    *ret = f;
    f = (DmvFit){0};
    return 0;
}

/* ---- adopted ones ---- */

int dmv_fit_settle_adopted(DmvWorld *w)
{
    for (size_t i = 0; i < w->n_installed; i++) {
        DmvInstalled *x = &w->installed[i];
        const DmvKernel *k = x->built_for ? dmv_world_kernel(w, x->kernel) : NULL;
        DMV_CLEANUP_ERROR DmvError e = {0};
        char *words = NULL;
        int r = k ? dmv_fit_check(x, k, &e) : 0;

        if (r < 0)
            return r;
        if (!k)
            continue;
        if (r > 0 && asprintf(&words, "%s; %s", x->problem ? x->problem : "",
                              e.why ? e.why : dmv_outcome_reason(r)) < 0)
            return -ENOMEM;
        free(x->problem);
        x->problem = words;
    }
    return 0;
}
