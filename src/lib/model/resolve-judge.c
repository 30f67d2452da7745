/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The second pass of resolve: may this release be chosen on this host, and why. Every reason is kept, for
 * `why`; the gravest one decides.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "model/package-name.h"
#include "model/resolve-internal.h"

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

const DmvInstalled *dmv_installed_for(const DmvViewRelease *r, const char *kernel)
{
    for (size_t i = 0; i < r->n_installed; i++)
        if (strcmp(r->installed[i]->kernel, kernel) == 0)
            return r->installed[i];
    return NULL;
}

const char *dmv_view_release_tier(const DmvViewRelease *r)
{
    const char *tier = r->catalog ? r->catalog->tier : r->n_installed > 0 ? r->installed[0]->tier : NULL;

    return tier ? tier : "supported";
}

const DmvFit *dmv_view_release_fit(const DmvViewRelease *r, const char *kernel)
{
    for (size_t i = 0; i < r->n_fits; i++)
        if (strcmp(r->fits[i].kernel->release, kernel) == 0)
            return &r->fits[i];
    return NULL;
}

/* A package whose name says another kernel than its entry in the catalog is no package for either. */
static int has_package_for(const DmvViewRelease *r, const DmvKernel *k, bool *ret)
{
    const DmvPackage *p = r->catalog ? dmv_release_package(r->catalog, k->release) : NULL;
    DMV_CLEANUP(dmv_package_name_deinit) DmvPackageName name = {0};
    int x = p ? dmv_package_name_parse(p->name, NULL, &name, NULL) : 0;

    if (x < 0)
        return x;
    *ret = p && (x > 0 || dmv_package_name_is_for_kernel(&name, k->release));
    return 0;
}

static int bar(DmvFit *f)
{
    f->code = DMV_NO_KERNEL_RELEASE;
    return dmv_set_string(&f->why, "there are no alternate modules for alternate kernels");
}

/* What is installed for the kernel counts, whatever else there is; then what fits it; then what could be
 * installed. */
static int judge_kernel(DmvViewRelease *r, const DmvKernel *k, DmvFit *f)
{
    const DmvInstalled *own = dmv_installed_for(r, k->release);
    bool has_package = false;
    int x = has_package_for(r, k, &has_package);

    f->kernel = k;
    if (x < 0)
        return x;
    if (dmv_fit_is_barred(k, dmv_view_release_tier(r)))
        return bar(f);
    if (own || has_package)
        x = dmv_strv_push(&r->kernels, k->release);
    if (x == 0 && own) {
        f->kind = own->problem ? DMV_FIT_NONE : own->built_for ? DMV_FIT_COMPATIBLE : DMV_FIT_EXACT;
        f->installed = own->problem ? NULL : own;
        f->code = own->problem ? DMV_BROKEN_RELEASE : DMV_OK;
        return dmv_set_string(&f->why, own->problem);
    }
    if (x == 0)
        x = dmv_fit_find(r->installed, r->n_installed, k, f);
    if (x == 0 && has_package && f->kind == DMV_FIT_NONE) {
        dmv_fit_deinit(f);
        *f = (DmvFit){.kernel = k, .kind = DMV_FIT_AVAILABLE};
    }
    return x;
}

static int judge_kernels(DmvViewRelease *r, const DmvWorld *w)
{
    int x = 0;

    for (size_t i = 0; x == 0 && i < w->n_kernels; i++) {
        DmvFit *f;

        if (!dmv_kernel_is_usable(&w->kernels[i]))
            continue;
        f = DMV_ARRAY_ADD(r->fits, r->n_fits);
        x = f ? judge_kernel(r, &w->kernels[i], f) : -ENOMEM;
    }
    return x;
}

/* Is there a kernel that could load it, now or once it is installed? */
static bool fits_a_kernel(const DmvViewRelease *r)
{
    for (size_t i = 0; i < r->n_fits; i++)
        if (r->fits[i].kind != DMV_FIT_NONE)
            return true;
    return r->kernels != NULL; /* a broken one is for its kernel all the same */
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
        x = dmv_strv_pushf_unique(&r->reasons, "it supports device %s%s", r->slots[0],
                                  r->slots[1] ? " and others" : "");
    } else {
        x = dmv_strv_pushf_unique(&r->reasons, "no device of this host is supported by it");
        if (x == 0)
            decide_against(r, DMV_VERDICT_NO_HARDWARE);
    }
    if (x == 0 && r->catalog && !dmv_release_fits_machine(r->catalog, w)) {
        x = dmv_strv_pushf_unique(&r->reasons, "it is for other machines than %s %s",
                                  w->dmi_vendor ? w->dmi_vendor : "(unknown vendor)",
                                  w->dmi_product ? w->dmi_product : "(unknown model)");
        if (x == 0)
            decide_against(r, DMV_VERDICT_OTHER_MACHINE);
    }
    if (x == 0 && !fits_a_kernel(r)) {
        const DmvFit *f = r->n_fits > 0 ? &r->fits[r->n_fits - 1] : NULL;
        bool says_more = f && (r->n_installed > 0 || dmv_fit_is_barred(f->kernel, dmv_view_release_tier(r)));

        x = says_more
                ? dmv_strv_pushf_unique(&r->reasons, "it is for none of the installed kernels; on %s: %s",
                                        f->kernel->release, f->why)
                : dmv_strv_pushf_unique(&r->reasons, "it is for none of the installed kernels");
        if (x == 0)
            decide_against(r, DMV_VERDICT_NO_KERNEL);
    }
    if (x == 0 && broken) {
        x = dmv_strv_pushf_unique(&r->reasons, "%s: %s", broken->folder, broken->problem);
        if (x == 0)
            decide_against(r, DMV_VERDICT_BROKEN);
    }
    if (x == 0 && r->catalog && r->catalog->revoked) {
        x = dmv_strv_pushf_unique(&r->reasons, "it was revoked: %s", r->catalog->revoked);
        if (x == 0)
            decide_against(r, DMV_VERDICT_REVOKED);
    }
    if (x == 0 && r->source && r->source->stale)
        x = dmv_strv_pushf_unique(&r->reasons, "the catalog of stream %s has expired",
                                  r->source->catalog->stream);
    if (x == 0 && !r->catalog)
        x = dmv_strv_pushf_unique(&r->reasons, "no catalog lists it");
    return x;
}

int dmv_judge(DmvViewRelease *r, const DmvWorld *w)
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
    if (x == 0)
        x = judge_reasons(r, w);
    return x == 0 ? dmv_judge_by_kernel(r, w) : x;
}
