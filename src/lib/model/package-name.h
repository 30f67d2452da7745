/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of packages with kernel modules, by XCP-ng's kernel module policy: what a name says of tier, module,
 * vendor and kernel, and the name that a package has to have.
 *
 *     {vendor}-{module}, {vendor}-{device}   broadcom-bnxt-en, qlogic-netxtreme2   XenServer's; supported
 *     {module}-module                        ceph-module                           supported or additional
 *     {name}-modules                         several modules                       supported or additional
 *     kmod-{name}-{kernel version}           kmod-zfs-4.19.0+1                     third parties'
 *     any of these + -alt                    broadcom-bnxt-en-alt, ceph-module-alt alternate
 *     any but alternate + -kernel{X.Y}       ceph-module-kernel4.19                for an alternate kernel
 *
 * In names of packages the '_' of a module is a '-'. A name proposes, it proves nothing: the tree that the
 * package's files lie in has the last word (dmv_package_tier()), and `perl-modules` has the form, too.
 */
#ifndef DMV_MODEL_PACKAGE_NAME_H
#define DMV_MODEL_PACKAGE_NAME_H

#include <stdbool.h>

#include "dmv/outcome.h"
#include "model/world.h"

/* Bytes of a name that is looked at. */
#define DMV_PACKAGE_NAME_MAX 255

typedef enum DmvTier {
    DMV_TIER_SUPPORTED,
    DMV_TIER_ALTERNATE,
    DMV_TIER_ADDITIONAL,
    DMV_TIER_MAX,
    DMV_TIER_INVALID = -1,
} DmvTier;
/* "supported", "alternate", "additional"; NULL for anything else. */
const char *dmv_tier_to_string(DmvTier t);
/* The tier of that name, or DMV_TIER_INVALID. */
DmvTier dmv_tier_from_string(const char *s);

typedef enum DmvPackageForm {
    DMV_PACKAGE_VENDOR,  /* {vendor}-{module or device} */
    DMV_PACKAGE_MODULE,  /* {module}-module */
    DMV_PACKAGE_MODULES, /* {name}-modules */
    DMV_PACKAGE_KMOD,    /* kmod-{name}-{kernel version} */
    DMV_PACKAGE_FORM_MAX,
} DmvPackageForm;

typedef struct DmvPackageName {
    DmvPackageForm form;
    bool alternate;         /* -alt */
    bool device;            /* of vendors' packages: @name is known to be a device's and not a module's */
    char *vendor;           /* of vendors' packages, else NULL */
    char *name;             /* module, device or group, as it is written in the package's name */
    char *kernel;           /* of kmod packages, else NULL: "4.19.0+1" */
    char *alternate_kernel; /* "4.19", or NULL: the supported kernel */
    char *overrides;        /* of alternate ones, else NULL: the package whose modules it is a version of. Of
                               a module of the kernel itself there is no such package. */
} DmvPackageName;
void dmv_package_name_deinit(DmvPackageName *n);

/**
 * dmv_package_name_parse() - what a package's name says
 * @s: the name (of NEVRA only the N)
 * @vendors: vendors besides those that are known, or NULL
 * @ret: filled; free with dmv_package_name_deinit()
 * @reterr: says which rule is broken, may be NULL
 *
 * Suffixes are taken off from the end, each once: -kernelX.Y, then -alt, then -module or -modules. What
 * begins with "kmod-" is a kmod package or nothing; its kernel version begins at the first '-' that a number,
 * a '.' and a number follow, so names and kernel versions with dashes in them are read right.
 *
 * Return: 0; DMV_INVALID_NAME if it is no package of modules by these rules: also for an alternate package
 * for an alternate kernel, which there is not, for a kmod package whose two kernels disagree, and for the
 * kernel's own packages; -ENOMEM.
 */
int dmv_package_name_parse(const char *s, char *const *vendors, DmvPackageName *ret, DmvError *reterr);

/**
 * dmv_package_name_make() - the name that a package has to have
 * @n: what it is; @overrides and @device are not looked at, '_' in @name becomes '-'
 * @vendors: as for dmv_package_name_parse()
 * @ret: the name, owned by the caller
 * @reterr: may be NULL
 *
 * Return: 0; DMV_INVALID_NAME if no name says exactly that (a module called x_alt in a vendor's package or
 * kmod_x in one of its own, an alternate package for an alternate kernel, ...); -ENOMEM.
 */
int dmv_package_name_make(const DmvPackageName *n, char *const *vendors, char **ret, DmvError *reterr);

/**
 * dmv_package_name_of_alternate() - the alternate package for one that is there, or for a module of the
 * kernel
 * @package: the package to override, or NULL: @module is the kernel's own
 * @module: name of the module; used without @package only
 * @vendors: as for dmv_package_name_parse()
 * @ret: the name, owned by the caller
 * @reterr: may be NULL
 *
 * Return: 0; DMV_INVALID_NAME; -ENOMEM.
 */
int dmv_package_name_of_alternate(const char *package, const char *module, char *const *vendors, char **ret,
                                  DmvError *reterr);

/* May the package hold this module, by its name? Only for packages that are named after their one module. */
bool dmv_package_name_is_of_module(const DmvPackageName *n, const char *module);

/* Are its modules for this kernel, by its name? One with -kernelX.Y is for kernels whose release begins with
 * X.Y and no further digit; all others may be for any. */
bool dmv_package_name_is_for_kernel(const DmvPackageName *n, const char *release);

/**
 * dmv_package_tier() - the tier of a package
 * @n: its name
 * @tree: where its modules lie, DMV_TREE_INVALID: not known
 *
 * By its tree: updates is supported, override is alternate, extra and weak-updates are additional. By the
 * name alone: -alt is alternate, a vendor's is supported, all others are additional.
 */
DmvTier dmv_package_tier(const DmvPackageName *n, DmvTree tree);
/* The tree that a package's modules belong into. */
DmvTree dmv_tier_tree(DmvTier t);

/**
 * dmv_package_is_offered() - is an update of this package offered to a host?
 * @tier: its tier
 * @n: its name; NULL: for the supported kernel
 * @installed: the package is installed there
 *
 * Supported ones always; alternate and additional ones where they are installed; of those for an alternate
 * kernel, which nobody has who did not ask for it, the same.
 */
bool dmv_package_is_offered(DmvTier tier, const DmvPackageName *n, bool installed);

/**
 * dmv_package_version() - the version that a package has
 * @module: MODULE_VERSION, or NULL or "": the module has none
 * @kernel: version of the kernel whose sources it was taken from
 * @ret: owned by the caller; '-', which parts version and release in RPM, becomes '_'
 *
 * Return: 0; DMV_INVALID_NAME if neither can be a version of a package; -ENOMEM.
 */
int dmv_package_version(const char *module, const char *kernel, char **ret);

#endif
