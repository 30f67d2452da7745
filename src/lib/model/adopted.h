/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adopted modules: what other package managers, or somebody by hand, put into updates/, override/, extra/ and
 * weak-updates/. They are shown with their tier and their package, and beaten or respected exactly as the
 * plan says; never changed and never removed. No I/O.
 */
#ifndef DMV_MODEL_ADOPTED_H
#define DMV_MODEL_ADOPTED_H

#include "base/jsonbuild.h"
#include "model/package-name.h"
#include "model/plan.h"

/* What becomes of it once the plan is applied. */
typedef enum DmvAdoptedEffect {
    DMV_EFFECT_RESPECTED, /* nothing was selected for its module: the host's own order decides */
    DMV_EFFECT_BEATEN,    /* a release, or the kernel's own module, is loaded in its place */
    DMV_EFFECT_UNKNOWN,   /* there is no plan */
    DMV_EFFECT_MAX,
    DMV_EFFECT_INVALID = -1,
} DmvAdoptedEffect;
/* "respected", "beaten", "unknown". */
const char *dmv_adopted_effect_to_string(DmvAdoptedEffect e);

struct DmvAdopted {
    const DmvKernel *kernel;
    const DmvModuleFile *file; /* with the packages that own it */
    DmvTier tier;
    char *package;       /* name (the N of NEVRA) of the first of its packages, or NULL */
    DmvPackageName name; /* what that says; valid when has_name */
    bool has_name;
    bool wins; /* the index takes this file now */
    DmvAdoptedEffect effect;
    char *beaten_by;        /* DRIVER/VARIANT@VERSION or "inbox"; NULL unless beaten */
    bool inbox_selected;    /* the kernel's own is what was asked for, and not what is left */
    char **inconsistencies; /* what does not fit together, in words */
};

void dmv_adopted_free(DmvAdopted *items, size_t n);

/**
 * dmv_view_adopt() - find the adopted modules
 * @v: the View; its lists of adopted modules are made anew, for each driver and for what concerns none
 * @plan: the plan for that View; NULL: there is none
 *
 * A module of several drivers belongs to the one that something was selected for, else to the first. To be
 * called again when owners became known.
 *
 * Return: 0 or -ENOMEM.
 */
int dmv_view_adopt(DmvView *v, const DmvPlan *plan);

/**
 * dmv_view_offer() - find the updates
 * @v: the View, with its adopted modules
 *
 * An update is the newest release of a variant that fits, is not installed, and is newer, by the catalog's
 * sequence, than all that the host has of this variant (installed, selected, or installed as a package of
 * the same name by another package manager). Where it has nothing of the variant only supported releases are
 * offered (dmv_package_is_offered()): the one that the catalog recommends for the driver, or the newest where
 * it recommends none. Nothing is selected by that.
 */
void dmv_view_offer(DmvView *v);

/* What it competes for and what becomes of it, in words: "respected", "beaten by ...". Owned; NULL for lack
 * of memory. */
char *dmv_adopted_effect_words(const DmvAdopted *a);
/* Who owns it, in words: the packages, "no package", or "a package that is not known". Owned. */
char *dmv_adopted_owner_words(const DmvAdopted *a);

/* Adds each as an Adopted of io.dmv.Manager to a list. */
void dmv_render_adopted(DmvJsonBuilder *list, const DmvAdopted *items, size_t n);

#endif
