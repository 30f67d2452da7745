/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Would the running kernel load a release? Its rules and keys are known (module-policy.h), those of other
 * kernels are not: they may have another command line and other keys. So nothing but what the running kernel
 * would certainly refuse speaks against a release, and the verdict stays, since it may serve other kernels
 * well.
 */
#include <errno.h>
#include <string.h>

#include "model/module-policy.h"
#include "model/resolve-internal.h"

/* What is against a release, or what is not known of it. */
typedef struct Finding {
    const char *file, *why; /* of the module; NULL: nothing */
} Finding;

/* The signature as it was verified when the module was installed, else as it claims. */
static DmvSignature signature_of(const char *approved, const DmvModuleInfo *i)
{
    DmvSignature s = {.code = DMV_MODULE_UNKNOWN_SIGNER,
                      .signer = (char *)approved,
                      .name = i ? i->sig_signer : NULL,
                      .key = i ? i->sig_key : NULL};

    if (approved)
        s.code = 0;
    else if (!s.name && !s.key)
        s.code = DMV_MODULE_UNSIGNED;
    return s;
}

static void judge_module(const DmvModulePolicy *p, const char *file, const DmvSignature *s, Finding *refused,
                         Finding *unknown)
{
    const char *why = NULL;
    DmvKernelWord word = dmv_module_policy_judge(p, s, &why);
    Finding *f = word == DMV_KERNEL_REFUSES ? refused : word == DMV_KERNEL_CANNOT_TELL ? unknown : NULL;

    if (f && !f->file)
        *f = (Finding){file, why};
}

/* The certificate that the catalog names for a module of a release of the store, or NULL. */
static const char *approved_signer(const DmvViewRelease *r, const DmvInstalled *x, const char *file)
{
    const DmvPackage *p =
        r->catalog && x->origin == DMV_ORIGIN_STORE ? dmv_release_package(r->catalog, x->kernel) : NULL;

    for (size_t i = 0; p && i < p->n_files; i++)
        if (strcmp(p->files[i].path, file) == 0)
            return p->files[i].signer;
    return NULL;
}

static void judge_installed(const DmvViewRelease *r, const DmvModulePolicy *p, const DmvInstalled *x,
                            Finding *refused, Finding *unknown)
{
    for (size_t i = 0; i < x->n_modules; i++) {
        const DmvInstalledModule *m = &x->modules[i];
        const DmvSignature s = signature_of(approved_signer(r, x, m->file), &m->info);

        judge_module(p, m->file, &s, refused, unknown);
    }
}

/* Of a package the catalog says who signed its modules, or that is not known yet. */
static void judge_package(const DmvModulePolicy *p, const DmvPackage *package, Finding *refused,
                          Finding *unknown)
{
    for (size_t i = 0; i < package->n_files; i++) {
        const DmvSignature s = signature_of(package->files[i].signer, NULL);

        if (package->files[i].signer)
            judge_module(p, package->files[i].path, &s, refused, unknown);
    }
}

static bool serves_others(const DmvViewRelease *r, const char *kernel)
{
    for (size_t i = 0; i < r->n_fits; i++)
        if (r->fits[i].kind != DMV_FIT_NONE && strcmp(r->fits[i].kernel->release, kernel) != 0)
            return true;
    return false;
}

int dmv_judge_by_kernel(DmvViewRelease *r, const DmvWorld *w)
{
    const DmvModulePolicy *p = w->module_policy;
    const DmvFit *fit = w->running_kernel ? dmv_view_release_fit(r, w->running_kernel) : NULL;
    const DmvPackage *package =
        fit && fit->kind == DMV_FIT_AVAILABLE ? dmv_release_package(r->catalog, w->running_kernel) : NULL;
    Finding refused = {0}, unknown = {0};

    if (!fit || !p)
        return 0;
    if (fit->installed)
        judge_installed(r, p, fit->installed, &refused, &unknown);
    else if (package)
        judge_package(p, package, &refused, &unknown);
    if (refused.file) {
        if (asprintf(&r->refused, "the running kernel %s would refuse %s: %s%s", w->running_kernel,
                     refused.file, refused.why,
                     serves_others(r, w->running_kernel) ? "; what other kernels do is not known" : "") < 0) {
            r->refused = NULL;
            return -ENOMEM;
        }
        return dmv_strv_push_unique(&r->reasons, r->refused);
    }
    if (unknown.file && dmv_module_policy_enforces(p))
        return dmv_strv_pushf_unique(&r->reasons,
                                     "whether the running kernel %s would load %s is not known: %s",
                                     w->running_kernel, unknown.file, unknown.why);
    return 0;
}
