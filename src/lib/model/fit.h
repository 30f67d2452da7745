/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which release serves which kernel.
 *
 * A release of the store that was installed for one kernel serves another one as well where all of its
 * modules fit there (kabi.h): its links lead into the one folder that it has. A release that was installed
 * for the kernel itself always wins, and nothing is done that is not known to fit. What a kernel exports is
 * only observed where that has to be asked, which is said here, too; that looks at the World alone, so that
 * observe, resolve and plan stay in this order.
 *
 * Adopted releases belong to a package manager that brings one for each kernel, and takes it away with the
 * kernel: they serve the kernel whose folder they lie in. One whose modules were built for another kernel
 * than that (the case of weak-modules) is judged by the same rules.
 */
#ifndef DMV_MODEL_FIT_H
#define DMV_MODEL_FIT_H

#include "model/world.h"

typedef enum DmvFitKind {
    DMV_FIT_NONE,       /* nothing of it can be loaded by this kernel */
    DMV_FIT_EXACT,      /* it is installed for this kernel */
    DMV_FIT_COMPATIBLE, /* it is installed, was built for another kernel, and every symbol fits */
    DMV_FIT_AVAILABLE,  /* it is not installed for it, but a catalog has a package */
    DMV_FIT_MAX,
    DMV_FIT_INVALID = -1,
} DmvFitKind;
/* As in the interface: "none", "exact", "compatible", "available". */
const char *dmv_fit_kind_to_string(DmvFitKind k);

/* What a release is to one kernel. */
typedef struct DmvFit {
    const DmvKernel *kernel;
    DmvFitKind kind;
    const DmvInstalled *installed; /* of an exact or a compatible one */
    char *why;                     /* of none: what speaks against it */
    int code;                      /* and the outcome for that */
} DmvFit;
void dmv_fit_deinit(DmvFit *f);

/* The kernel that the modules of a release were built for. */
const char *dmv_installed_built_for(const DmvInstalled *x);

/* Is it an alternate release, which an alternate kernel never gets? @tier may be NULL. */
bool dmv_fit_is_barred(const DmvKernel *k, const char *tier);

/* Marks the kernels whose release matches one of the fnmatch(3) patterns (NULL: none) as alternate. */
void dmv_fit_mark_alternate(DmvWorld *w, char *const *patterns);

/* Have the symbols of this release's modules to be known? So for one that some usable kernel has not got. */
bool dmv_fit_needs_symbols(const DmvWorld *w, const DmvInstalled *x);
/* Has it to be known what this kernel exports? So where a release was installed for others only. */
bool dmv_fit_needs_table(const DmvWorld *w, const DmvKernel *k);

/**
 * dmv_fit_check() - would a kernel take every module of a release that was built for another one?
 * @x: the release, with its symbols
 * @k: the kernel, with its table
 * @reterr: filled on a refusal, may be NULL; says which module and which symbol
 *
 * What the modules of the release export to one another counts before what the kernel has. A module that
 * would need one from outside the kernel's own tree does not fit: that one may be another one tomorrow.
 *
 * Return: 0: all of them fit; what dmv_kabi_check() returns; DMV_KERNEL_ABI_UNKNOWN where symbols or table
 * are missing; DMV_BROKEN_RELEASE; -ENOMEM.
 */
int dmv_fit_check(const DmvInstalled *x, const DmvKernel *k, DmvError *reterr);

/**
 * dmv_fit_find() - the best of those that were installed for other kernels
 * @all: the same release for some kernels; adopted and broken ones are passed over
 * @n: how many
 * @k: the kernel
 * @ret: DMV_FIT_COMPATIBLE with the one for the highest kernel of those that fit, or DMV_FIT_NONE with what
 *       speaks against the one for the highest kernel; free with dmv_fit_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_fit_find(const DmvInstalled *const *all, size_t n, const DmvKernel *k, DmvFit *ret);

/* Adopted releases that were built for another kernel than that of their folder: those that fit lose their
 * problem, those that do not get the finding into its words. Return: 0, or -ENOMEM. */
int dmv_fit_settle_adopted(DmvWorld *w);

#endif
