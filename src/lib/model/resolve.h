/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolve: World + catalogs + intent -> View. Every driver and release with its verdict and the reasons, and
 * per kernel the release that shall be loaded. No I/O, no clock.
 */
#ifndef DMV_MODEL_RESOLVE_H
#define DMV_MODEL_RESOLVE_H

#include "model/catalog.h"
#include "model/fit.h"
#include "model/intent.h"
#include "model/world.h"

typedef enum DmvVerdict {
    DMV_VERDICT_FITS,
    DMV_VERDICT_NO_HARDWARE,
    DMV_VERDICT_OTHER_MACHINE,
    DMV_VERDICT_NO_KERNEL,
    DMV_VERDICT_REVOKED,
    DMV_VERDICT_BROKEN,
    DMV_VERDICT_MAX,
    DMV_VERDICT_INVALID = -1,
} DmvVerdict;
/* As in the interface: "fits", "no_hardware", ... */
const char *dmv_verdict_to_string(DmvVerdict v);

/* A catalog and how far it can be trusted now. */
typedef struct DmvSource {
    const DmvCatalog *catalog;
    bool stale; /* it has expired: nothing new is staged from it */
} DmvSource;

/* Everything that resolve needs, borrowed. */
typedef struct DmvFacts {
    const DmvWorld *world;
    const DmvSource *sources;
    size_t n_sources;
    const DmvIntent *intent;
    int64_t now; /* seconds since the epoch; only ends pins */
} DmvFacts;

typedef struct DmvViewRelease {
    const char *driver, *variant, *version;
    char *name;                     /* DRIVER/VARIANT@VERSION */
    const DmvRelease *catalog;      /* NULL: no catalog lists it */
    const DmvSource *source;        /* of the catalog entry */
    const DmvInstalled **installed; /* one a kernel, sorted by kernel */
    size_t n_installed;
    DmvVerdict verdict;
    char **reasons; /* why that verdict, and what else there is to say */
    size_t why;     /* index of the reason that decided */
    char *refused; /* why the running kernel, which it is for, would not load it; NULL: it would, or who knows
                    */
    char **slots;  /* devices here that it supports */
    char **modules; /* kernel's names */
    char **kernels; /* installed kernels that it has a package for or is installed for */
    DmvFit *fits;   /* one a usable kernel, in the order of the World */
    size_t n_fits;
    bool recommended, selected, active;
    bool update; /* offered instead of what the host has of this variant; dmv_view_offer() */
} DmvViewRelease;

/* What one kernel shall load for one driver. */
typedef struct DmvTarget {
    const DmvKernel *kernel;
    const DmvInstalled *installed; /* NULL: the kernel's own driver; may have been built for another kernel */
    char *problem;                 /* why not what was asked for, or NULL */
    int code;                      /* the outcome for that */
} DmvTarget;

typedef struct DmvAdopted DmvAdopted; /* adopted.h */

/* Which release a loaded module is, and how that was found. */
typedef struct DmvViewModule {
    char *name;
    const DmvLoaded *loaded; /* NULL: not loaded */
    char *release;           /* DRIVER/VARIANT@VERSION, "inbox", or NULL: unknown */
    const char *proof;       /* "build_id", "note", "srcversion", or NULL */
    char
        *next; /* what the kernel in question would load next: a release, "inbox", NULL: nothing or unknown */
} DmvViewModule;

typedef struct DmvViewDriver {
    const char *name;
    const char *type, *description; /* may be NULL */
    const DmvSelection *selection;  /* NULL: nothing was asked for */
    bool pinned;
    DmvViewRelease *releases; /* newest first within a variant */
    size_t n_releases;
    DmvViewRelease *recommended; /* or NULL */
    DmvViewRelease *selected;    /* what the selection means now, or NULL: inbox, or it cannot be met */
    char *active;                /* release, "inbox", or NULL: unknown or not loaded */
    DmvViewModule *modules;
    size_t n_modules;
    char **slots;
    char **lifelines;   /* chains of the lifelines that stand on it, in words; NULL: none does */
    DmvTarget *targets; /* one a kernel; empty when nothing was asked for */
    size_t n_targets;
    bool reboot_needed;  /* a module that is loaded is not the one that would be loaded next */
    bool outdated;       /* the selection is older than what is recommended */
    DmvAdopted *adopted; /* files of others that compete with its modules; dmv_view_adopt() */
    size_t n_adopted;
    DmvProblems problems;
} DmvViewDriver;

typedef struct DmvView {
    DmvFacts facts;
    DmvViewDriver *drivers; /* sorted by name */
    size_t n_drivers;
    DmvAdopted *adopted; /* those that concern no known driver */
    size_t n_adopted;
    bool reboot_needed;
} DmvView;

/**
 * dmv_resolve() - make the View
 * @facts: borrowed; must outlive the View
 * @ret: must be empty before; free with dmv_view_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int dmv_resolve(const DmvFacts *facts, DmvView *ret);
void dmv_view_deinit(DmvView *v);
#define DMV_CLEANUP_VIEW DMV_CLEANUP(dmv_view_deinit)

DmvViewDriver *dmv_view_driver(const DmvView *v, const char *name);
/* The driver's release with these two names, borrowed, or NULL. */
DmvViewRelease *dmv_view_driver_release(const DmvViewDriver *d, const char *variant, const char *version);
/* The device that a PCI address, an interface or a block device on it means, or NULL. */
const DmvDevice *dmv_view_device(const DmvView *v, const char *object);
bool dmv_view_driver_has_module(const DmvViewDriver *d, const char *module);
/* The driver that somebody asked about and that has this module, or NULL. */
const DmvViewDriver *dmv_view_manager(const DmvView *v, const char *module);

/**
 * dmv_view_find() - the driver that an object means
 * @object: a driver, a module, a PCI address, a network interface, a block device, or a release (DRIVER/...)
 * @ret: borrowed from the View
 *
 * Return: 0; DMV_NO_SUCH_OBJECT; DMV_NO_SUCH_DRIVER for a device that no driver supports; DMV_AMBIGUOUS when
 * several drivers fit (named in @reterr); -ENOMEM.
 */
int dmv_view_find(const DmvView *v, const char *object, DmvViewDriver **ret, DmvError *reterr);

/**
 * dmv_view_find_release() - the release that a name means
 * @spec: DRIVER/VARIANT@VERSION; DRIVER/VARIANT and DRIVER@VERSION where only one fits; DRIVER/VARIANT else
 * means the newest that fits
 *
 * Return: 0; DMV_NO_SUCH_DRIVER; DMV_NO_SUCH_RELEASE; DMV_AMBIGUOUS; DMV_INVALID_NAME; -ENOMEM.
 */
int dmv_view_find_release(const DmvView *v, const char *spec, DmvViewDriver **ret_driver,
                          DmvViewRelease **ret, DmvError *reterr);

/* What a release is to a kernel, or NULL for one that is not usable. */
const DmvFit *dmv_view_release_fit(const DmvViewRelease *r, const char *kernel);
/* "supported", "alternate" or "additional". */
const char *dmv_view_release_tier(const DmvViewRelease *r);

/* Does the machine match one of the patterns of a release? None: every machine. */
bool dmv_release_fits_machine(const DmvRelease *r, const DmvWorld *w);
/* A kernel that can boot: its folder holds modules of its own. */
bool dmv_kernel_is_usable(const DmvKernel *k);
/* The kernel that is meant where only one is asked about: the running one, or, where that is not installed
 * (another root, a chroot), the newest usable one. NULL: there is none. */
const DmvKernel *dmv_world_kernel_in_question(const DmvWorld *w);
/* The installed release that a link in a kernel's tree leads to, or NULL. */
const DmvInstalled *dmv_file_release(const DmvWorld *w, const DmvKernel *k, const DmvModuleFile *f);
/* The release that a file in a kernel's tree is: DRIVER/VARIANT@VERSION, "inbox", "foreign"; NULL: no file.
 * Owned. */
int dmv_release_of_path(const DmvWorld *w, const DmvKernel *k, const char *path, char **ret);

#endif
