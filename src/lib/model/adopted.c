/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adopted modules. The tree decides the tier, the plan decides the effect; the package's name only has to
 * agree with the two, and where it does not that is said.
 */
#include "model/adopted.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char *const effect_table[] = {
    [DMV_EFFECT_RESPECTED] = "respected",
    [DMV_EFFECT_BEATEN] = "beaten",
    [DMV_EFFECT_UNKNOWN] = "unknown",
};
_Static_assert(DMV_N_ELEMENTS(effect_table) == DMV_EFFECT_MAX, "an effect has no name");

const char *dmv_adopted_effect_to_string(DmvAdoptedEffect e)
{
    return e >= 0 && e < DMV_EFFECT_MAX ? effect_table[e] : "invalid";
}

void dmv_adopted_free(DmvAdopted *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(items[i].package);
        dmv_package_name_deinit(&items[i].name);
        free(items[i].beaten_by);
        dmv_strv_free(items[i].inconsistencies);
    }
    free(items);
}

/* ---- the package ---- */

/* The N of N-[E:]V-R.A. */
static char *name_of_nevra(const char *nevra)
{
    const char *end = strrchr(nevra, '-');

    for (size_t n = end ? (size_t)(end - nevra) : 0; n > 0; n--)
        if (nevra[n - 1] == '-')
            return strndup(nevra, n - 1);
    return strdup(nevra);
}

/* Is it a name that only the policy makes? Of any other one nothing can be said. */
static bool claims_policy(const char *package)
{
    return dmv_starts_with(package, "kmod-") || dmv_ends_with(package, "-alt") ||
           strstr(package, "-alt-kernel");
}

/* "4.19.0+1" is of kernel "4.19.0+1" and of "4.19.0+1-xen"; a '-' of a kernel cannot stand in every name. */
static bool kernel_is_of(const char *kernel, const char *part)
{
    size_t n = strlen(part);

    for (size_t i = 0; i < n; i++)
        if (kernel[i] != part[i] && !(kernel[i] == '-' && part[i] == '_'))
            return false;
    return !isalnum((unsigned char)kernel[n]);
}

static int compare_trees(DmvAdopted *a)
{
    bool in_override = a->file->tree == DMV_TREE_OVERRIDE;

    if (a->name.alternate && !in_override)
        return dmv_strv_pushf_unique(
            &a->inconsistencies,
            "package %s is called an alternate one, but its file lies in %s/ and not in override/",
            a->package, dmv_tree_to_string(a->file->tree));
    if (!a->name.alternate && in_override)
        return dmv_strv_pushf_unique(
            &a->inconsistencies,
            "it lies in override/, where alternates belong, but its package %s is not called -alt",
            a->package);
    return 0;
}

/* Below weak-updates/ there are modules of other kernels, on purpose. */
static int compare_kernels(DmvAdopted *a)
{
    const char *kernel = a->kernel->release;
    int r = 0;

    if (a->file->tree == DMV_TREE_WEAK)
        return 0;
    if (a->name.kernel && !kernel_is_of(kernel, a->name.kernel))
        r = dmv_strv_pushf_unique(&a->inconsistencies,
                                  "package %s is for kernel %s, but its file lies in the tree of kernel %s",
                                  a->package, a->name.kernel, kernel);
    if (r == 0 && !dmv_package_name_is_for_kernel(&a->name, kernel))
        r = dmv_strv_pushf_unique(
            &a->inconsistencies,
            "package %s is for the alternate kernel %s, but its file lies in the tree of kernel %s",
            a->package, a->name.alternate_kernel, kernel);
    return r;
}

/* A package of several modules is named after one of them, or after none if it is a device's or a group's. */
static bool name_fits(const DmvAdopted *a)
{
    if (a->name.form == DMV_PACKAGE_MODULES || a->name.device)
        return true;
    for (size_t i = 0; i < a->kernel->n_files; i++) {
        const DmvModuleFile *f = &a->kernel->files[i];

        if (dmv_package_name_is_of_module(&a->name, f->name) &&
            dmv_strv_contains(f->packages, a->file->packages[0]))
            return true;
    }
    return false;
}

static int read_package(DmvAdopted *a)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r;

    if (!a->file->packages)
        return 0;
    a->package = name_of_nevra(a->file->packages[0]);
    if (!a->package)
        return -ENOMEM;
    r = dmv_package_name_parse(a->package, NULL, &a->name, &e);
    if (r == DMV_INVALID_NAME)
        return claims_policy(a->package)
                   ? dmv_strv_pushf_unique(&a->inconsistencies, "package %s", e.why ? e.why : a->package)
                   : 0;
    if (r < 0)
        return r;
    a->has_name = true;
    r = compare_trees(a);
    if (r == 0)
        r = compare_kernels(a);
    if (r == 0 && !name_fits(a))
        r = dmv_strv_pushf_unique(&a->inconsistencies, "package %s is named after another module than %s",
                                  a->package, a->file->name);
    return r;
}

/* ---- the plan ---- */

static const DmvPrediction *prediction_of(const DmvPlan *plan, const char *kernel, const char *module)
{
    for (size_t i = 0; plan && i < plan->n_predictions; i++)
        if (strcmp(plan->predictions[i].kernel, kernel) == 0 &&
            dmv_module_name_equal(plan->predictions[i].module, module))
            return &plan->predictions[i];
    return NULL;
}

/* The plan predicts what is managed; what it leaves open is the host's own order. Where neither a release nor
 * the kernel's own can be loaded, one of the files of others is: that is the host's own order again. */
static int find_effect(DmvAdopted *a, const DmvViewDriver *d, const DmvPlan *plan)
{
    const DmvPrediction *p = prediction_of(plan, a->kernel->release, a->file->name);
    const DmvIndexEntry *e = dmv_kernel_index(a->kernel, a->file->name);

    a->wins = e && dmv_streq(e->path, a->file->path);
    a->effect = plan ? DMV_EFFECT_RESPECTED : DMV_EFFECT_UNKNOWN;
    if (!p || p->open || !p->next_release || strcmp(p->next_release, "foreign") == 0 ||
        dmv_streq(p->next, a->file->path))
        return 0;
    a->effect = DMV_EFFECT_BEATEN;
    a->inbox_selected = d && d->selection && d->selection->kind == DMV_SELECT_INBOX;
    return dmv_set_string(&a->beaten_by, p->next_release);
}

/* ---- all of them ---- */

static DmvViewDriver *driver_of_module(DmvView *v, const char *module)
{
    DmvViewDriver *first = NULL;

    for (size_t i = 0; i < v->n_drivers; i++) {
        if (!dmv_view_driver_has_module(&v->drivers[i], module))
            continue;
        if (v->drivers[i].selection)
            return &v->drivers[i];
        first = first ? first : &v->drivers[i];
    }
    return first;
}

static int adopt(DmvView *v, const DmvPlan *plan, const DmvKernel *k, const DmvModuleFile *f)
{
    DmvViewDriver *d = driver_of_module(v, f->name);
    DmvAdopted *a = d ? DMV_ARRAY_ADD(d->adopted, d->n_adopted) : DMV_ARRAY_ADD(v->adopted, v->n_adopted);
    int r;

    if (!a)
        return -ENOMEM;
    a->kernel = k;
    a->file = f;
    r = read_package(a);
    a->tier = dmv_package_tier(&a->name, f->tree);
    return r == 0 ? find_effect(a, d, plan) : r;
}

static void forget(DmvAdopted **items, size_t *n)
{
    dmv_adopted_free(*items, *n);
    *items = NULL;
    *n = 0;
}

int dmv_view_adopt(DmvView *v, const DmvPlan *plan)
{
    const DmvWorld *w = v->facts.world;
    int r = 0;

    forget(&v->adopted, &v->n_adopted);
    for (size_t i = 0; i < v->n_drivers; i++)
        forget(&v->drivers[i].adopted, &v->drivers[i].n_adopted);
    for (size_t k = 0; r == 0 && k < w->n_kernels; k++)
        for (size_t i = 0; r == 0 && i < w->kernels[k].n_files; i++)
            if (dmv_module_file_is_foreign(&w->kernels[k].files[i]))
                r = adopt(v, plan, &w->kernels[k], &w->kernels[k].files[i]);
    return r;
}

/* ---- words ---- */

char *dmv_adopted_effect_words(const DmvAdopted *a)
{
    char *words = NULL;

    switch (a->effect) {
    case DMV_EFFECT_RESPECTED:
        return strdup(a->file->dangling ? "of no effect: the link leads nowhere"
                      : a->wins         ? "respected: it is what loads"
                                        : "respected: another file is what loads");
    case DMV_EFFECT_BEATEN:
        if (strcmp(a->beaten_by, "inbox") == 0)
            return strdup(a->inbox_selected
                              ? "beaten by the kernel's own (inbox selected)"
                              : "beaten by the kernel's own (what is selected cannot be loaded)");
        return asprintf(&words, "beaten by %s", a->beaten_by) < 0 ? NULL : words;
    case DMV_EFFECT_UNKNOWN:
    case DMV_EFFECT_MAX:
    case DMV_EFFECT_INVALID:
        break;
    }
    return strdup("not known: there is no plan");
}

char *dmv_adopted_owner_words(const DmvAdopted *a)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    char *ret = NULL;

    for (char **p = a->file->packages; p && *p; p++)
        dmv_text_appendf(&t, "%s%s", p == a->file->packages ? "package " : " and ", *p);
    if (!a->file->packages)
        dmv_text_append(&t, a->file->owner_known ? "no package" : "a package that is not known");
    return dmv_text_take(&t, &ret, NULL) == 0 ? ret : NULL;
}

/* ---- JSON ---- */

static const char *const form_names[DMV_PACKAGE_FORM_MAX] = {
    [DMV_PACKAGE_VENDOR] = "vendor",
    [DMV_PACKAGE_MODULE] = "module",
    [DMV_PACKAGE_MODULES] = "modules",
    [DMV_PACKAGE_KMOD] = "kmod",
};

static json_object *render(const DmvAdopted *a)
{
    const DmvModuleFile *f = a->file;
    DMV_CLEANUP_FREE char *effect = dmv_adopted_effect_words(a), *owner = dmv_adopted_owner_words(a);
    DmvJsonBuilder b = {0};

    dmv_jb_object(&b);
    if (!effect || !owner)
        b.error = -ENOMEM;
    dmv_jb_string(&b, "kernel", a->kernel->release);
    dmv_jb_string(&b, "module", f->name);
    dmv_jb_string(&b, "path", f->path);
    dmv_jb_string(&b, "target", f->target);
    dmv_jb_string(&b, "tier", dmv_tier_to_string(a->tier));
    dmv_jb_strv(&b, "packages", f->packages);
    dmv_jb_bool(&b, "ownerKnown", f->owner_known);
    dmv_jb_bool(&b, "verified", f->verified);
    dmv_jb_string(&b, "owner", owner);
    if (a->has_name) {
        dmv_jb_string(&b, "form", form_names[a->name.form]);
        dmv_jb_bool(&b, "alternate", a->name.alternate);
        dmv_jb_string(&b, "overrides", a->name.overrides);
        dmv_jb_string(&b, "alternateKernel", a->name.alternate_kernel);
        dmv_jb_string(&b, "kmodKernel", a->name.kernel);
    }
    dmv_jb_bool(&b, "wins", a->wins);
    dmv_jb_string(&b, "effect", dmv_adopted_effect_to_string(a->effect));
    dmv_jb_string(&b, "beatenBy", a->beaten_by);
    dmv_jb_string(&b, "words", effect);
    dmv_jb_strv(&b, "inconsistencies", a->inconsistencies);
    return dmv_jb_end(&b);
}

void dmv_render_adopted(DmvJsonBuilder *list, const DmvAdopted *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dmv_jb_add(list, render(&items[i]));
}
