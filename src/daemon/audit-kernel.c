/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check-kernel: would a kernel load what is selected?
 *
 * For a kernel that is installed the answer is what the plan does. For one to come the catalogs know the
 * packages; where its symvers file or a part of its folder is there already (a package of headers brings
 * them), installed releases are compared with that. Nothing is decided by such a look: when the kernel is
 * there, it is asked again.
 */
#include <errno.h>
#include <string.h>

#include "daemon/audit.h"
#include "host/symbols.h"

static void find_missing_selection(DmvAudit *a, const DmvViewDriver *d)
{
    dmv_audit_find(a, "error", d->name, DMV_NOT_INSTALLED, "dmvctl why DRIVER",
                   "what is selected is neither installed nor listed");
}

static void find_stranded(DmvAudit *a, const DmvViewDriver *d, int code, const char *kernel, const char *why)
{
    dmv_audit_find(a, "error", d->selected->name, code, "dmvctl refresh, or keep to the kernel that works",
                   "%s: %s would fall back to the driver of kernel %s", why,
                   d->slots ? d->slots[0] : "its hardware", kernel);
}

static void find_package(DmvAudit *a, const DmvViewRelease *r, const char *kernel)
{
    dmv_audit_find(a, "ok", r->name, DMV_OK, "dmvctl install it again once the kernel is there",
                   "stream %s has a package for kernel %s", r->source->catalog->stream, kernel);
}

/* ---- a kernel that is installed ---- */

static void examine_target(DmvAudit *a, const DmvViewDriver *d, const DmvTarget *t)
{
    const char *kernel = t->kernel->release;
    const DmvFit *fit = d->selected ? dmv_view_release_fit(d->selected, kernel) : NULL;

    if (!d->selected)
        find_missing_selection(a, d);
    else if (t->installed && strcmp(dmv_installed_built_for(t->installed), kernel) == 0)
        dmv_audit_find(a, "ok", d->selected->name, DMV_OK, NULL, "exact: it is installed for kernel %s",
                       kernel);
    else if (t->installed)
        dmv_audit_find(
            a, "ok", d->selected->name, DMV_OK, NULL,
            "compatible: it was built for kernel %s, and all that it needs is the same in kernel %s",
            dmv_installed_built_for(t->installed), kernel);
    else if (fit && fit->kind == DMV_FIT_AVAILABLE)
        find_package(a, d->selected, kernel);
    else
        find_stranded(a, d, t->code, kernel, t->problem ? t->problem : "");
}

/* ---- a kernel to come ---- */

/* What is there of a kernel that nobody could boot yet: its table, if anything says what it exports. */
static int look_at_kernel(DmvManager *m, const char *release, DmvWorld *ret)
{
    DmvKernel *k;
    int r = dmv_observe_kernel(&m->roots, release, ret);

    if (r == 0 && ret->n_kernels == 0) {
        k = DMV_ARRAY_ADD(ret->kernels, ret->n_kernels);
        r = k ? dmv_set_string(&k->release, release) : -ENOMEM;
    }
    if (r == 0)
        r = dmv_symbols_kernel(&m->roots, &ret->kernels[0], &ret->kernels[0].abi, NULL, &ret->problems);
    if (r == 0)
        dmv_fit_mark_alternate(ret, m->settings.alternate_kernels);
    return r;
}

/* A symvers file does not say the vermagic. Until a module of the kernel does, the words behind the release
 * are taken to be those of the release that is asked about; that they are is checked before it is loaded. */
static int assume_vermagic(DmvKernel *k, const DmvInstalled *x)
{
    const char *vermagic = x->n_modules > 0 ? x->modules[0].symbols.vermagic : NULL;
    DMV_CLEANUP_FREE char *assumed = NULL;

    if (!vermagic)
        return 0;
    if (asprintf(&assumed, "%s%s", k->release, vermagic + strcspn(vermagic, " ")) < 0) {
        assumed = NULL;
        return -ENOMEM;
    }
    return dmv_kabi_set_vermagic(k->abi, assumed);
}

/* The World owns what the View shows: symbols that nobody had to know until now are added to it. */
static int learn_symbols(DmvManager *m, const DmvViewRelease *r, DmvProblems *problems)
{
    int x = 0;

    for (size_t i = 0; x == 0 && i < m->world.n_installed; i++)
        for (size_t k = 0; x == 0 && k < r->n_installed; k++)
            if (&m->world.installed[i] == r->installed[k])
                x = dmv_observe_symbols(&m->roots, &m->world.installed[i], problems);
    return x;
}

static int fit_to_come(DmvManager *m, const DmvViewRelease *r, DmvKernel *k, DmvProblems *problems,
                       DmvFit *ret)
{
    int x;

    if (dmv_fit_is_barred(k, dmv_view_release_tier(r))) {
        *ret = (DmvFit){.kernel = k, .code = DMV_NO_KERNEL_RELEASE};
        return dmv_set_string(&ret->why, "there are no alternate modules for alternate kernels");
    }
    x = learn_symbols(m, r, problems);
    if (x == 0 && !dmv_kabi_vermagic(k->abi) && r->n_installed > 0)
        x = assume_vermagic(k, r->installed[0]);
    return x == 0 ? dmv_fit_find(r->installed, r->n_installed, k, ret) : x;
}

static const DmvInstalled *installed_for(const DmvViewRelease *r, const char *kernel)
{
    for (size_t i = 0; i < r->n_installed; i++)
        if (strcmp(r->installed[i]->kernel, kernel) == 0 && !r->installed[i]->problem)
            return r->installed[i];
    return NULL;
}

static int examine_to_come(DmvAudit *a, DmvManager *m, const DmvViewDriver *d, DmvWorld *to_come)
{
    DmvKernel *k = &to_come->kernels[0];
    DMV_CLEANUP(dmv_fit_deinit) DmvFit fit = {0};
    const DmvViewRelease *r = d->selected;
    bool barred = r && dmv_fit_is_barred(k, dmv_view_release_tier(r));
    int x;

    if (!r) {
        find_missing_selection(a, d);
        return 0;
    }
    if (!barred && installed_for(r, k->release)) {
        dmv_audit_find(a, "ok", r->name, DMV_OK, NULL, "exact: it is installed for kernel %s", k->release);
        return 0;
    }
    if (!barred && r->catalog && dmv_release_package(r->catalog, k->release)) {
        find_package(a, r, k->release);
        return 0;
    }
    x = fit_to_come(m, r, k, &to_come->problems, &fit);
    if (x == 0 && fit.kind == DMV_FIT_COMPATIBLE)
        dmv_audit_find(a, "ok", r->name, DMV_OK, "dmvctl rescan once the kernel is there",
                       "compatible: it was built for kernel %s, and all that it needs is the same in what is "
                       "known of kernel %s",
                       fit.installed->kernel, k->release);
    else if (x == 0 && dmv_kabi_size(k->abi) > 0)
        find_stranded(a, d, DMV_NO_KERNEL_RELEASE, k->release, fit.why);
    else if (x == 0)
        find_stranded(a, d, DMV_NO_KERNEL_RELEASE, k->release, "there is no package of it for this kernel");
    return x;
}

/* ---- both ---- */

static bool wants_release(const DmvViewDriver *d)
{
    return d->selection && d->selection->kind != DMV_SELECT_INBOX;
}

static const DmvTarget *target_of(const DmvViewDriver *d, const char *kernel)
{
    for (size_t i = 0; i < d->n_targets; i++)
        if (strcmp(d->targets[i].kernel->release, kernel) == 0)
            return &d->targets[i];
    return NULL;
}

json_object *dmv_audit_kernel(DmvManager *m, const char *kernel, bool *ret_clean)
{
    DMV_CLEANUP_WORLD DmvWorld to_come = {0};
    DmvAudit a = {.clean = true};
    int r = 0;

    dmv_jb_array(&a.list);
    for (size_t i = 0; r == 0 && i < m->view.n_drivers; i++) {
        const DmvViewDriver *d = &m->view.drivers[i];
        const DmvTarget *t = target_of(d, kernel);

        if (!wants_release(d))
            continue;
        if (t) {
            examine_target(&a, d, t);
            continue;
        }
        if (to_come.n_kernels == 0)
            r = look_at_kernel(m, kernel, &to_come);
        if (r == 0)
            r = examine_to_come(&a, m, d, &to_come);
    }
    if (r < 0)
        a.list.error = r;
    *ret_clean = a.clean;
    return dmv_jb_end(&a.list);
}
