/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The World: everything that dmv has observed, as plain data.
 *
 * The edges in src/lib/host fill it; resolve and plan only read it. What could not be read is not left out
 * silently: it becomes a DmvProblem, so that one bad item never hides the others.
 */
#ifndef DMV_MODEL_WORLD_H
#define DMV_MODEL_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "dmv/outcome.h"
#include "model/kabi.h"

/* ---- problems ---- */

typedef struct DmvProblem {
    char *object; /* what it is about: a path below the root, a slot, a module */
    char *why;    /* for a person */
    int code;     /* a DmvOutcome or a negative errno */
} DmvProblem;

typedef struct DmvProblems {
    DmvProblem *items;
    size_t n;
} DmvProblems;

/* Appends a problem. Lack of memory loses the words, and says so in the last problem. Return: @code. */
int dmv_problem_add(DmvProblems *p, const char *object, int code, const char *why_format, ...)
    __attribute__((format(printf, 4, 5)));
void dmv_problems_deinit(DmvProblems *p);
/* Is it an error that the next try need not have: of the disk, for want of memory or descriptors, a signal?
 */
bool dmv_may_pass(int error);

/* ---- hardware ---- */

/* "0000:03:00.0": a domain of four to eight digits, bus, device, function. */
bool dmv_slot_is_valid(const char *s);

typedef struct DmvDevice {
    char *slot; /* "0000:03:00.0" */
    uint16_t vendor, device, subvendor, subdevice;
    uint32_t class_id;                            /* 24 bits: base class, subclass, programming interface */
    char *vendor_name, *device_name, *class_name; /* from pci.ids, NULL where unknown */
    char *modalias;
    char **child_modaliases; /* of devices on other buses right below it, such as virtio */
    char *driver;            /* kernel driver bound now, or NULL */
    char *module;            /* module of that driver, or NULL (none, or built in) */
    char **interfaces;       /* network interfaces on it */
    char **blocks;           /* whole block devices on it */
    char *physfn;            /* slot of the physical function if this is a virtual function, or NULL */
    size_t n_vfs;            /* virtual functions that are present and belong to this one */
} DmvDevice;

/* ---- lifelines ---- */

/* What the host needs to come back. */
typedef enum DmvLifelineKind {
    DMV_LIFELINE_ROOT,
    DMV_LIFELINE_BOOT, /* /boot, /boot/efi */
    DMV_LIFELINE_USR,
    DMV_LIFELINE_VAR,
    DMV_LIFELINE_SWAP,
    DMV_LIFELINE_MANAGEMENT, /* the interface by which the host is reached */
    DMV_LIFELINE_MAX,
    DMV_LIFELINE_INVALID = -1,
} DmvLifelineKind;

/* One thing that the host needs to come back, and the devices under it. */
typedef struct DmvLifeline {
    DmvLifelineKind kind;
    char *what;     /* mount point, swap or interface: "/", "/dev/dm-1", "eth0" */
    char *chain;    /* in words: "/ on dm-0 (vg-root) on sda2 on sda on 0000:03:00.0" */
    char **slots;   /* PCI functions that carry it, sorted; NULL: none does, or it is not known */
    char **modules; /* kernel's names of the modules that drive what it stands on, sorted */
} DmvLifeline;

/* ---- modules ---- */

/* Where in a kernel's folder a module lies; decides who wins. */
typedef enum DmvTree {
    DMV_TREE_UPDATES,
    DMV_TREE_OVERRIDE,
    DMV_TREE_EXTRA,
    DMV_TREE_WEAK, /* weak-updates */
    DMV_TREE_KERNEL,
    DMV_TREE_OTHER, /* any other folder: depmod ranks it like the kernel's own */
    DMV_TREE_MAX,
    DMV_TREE_INVALID = -1,
} DmvTree;

/* The name of the folder ("updates", ...); "" for DMV_TREE_OTHER. */
const char *dmv_tree_to_string(DmvTree t);
/* The tree that a path relative to a kernel's folder lies in. */
DmvTree dmv_tree_of_path(const char *path);

/* What the module file itself says. All strings may be NULL. */
typedef struct DmvModuleInfo {
    char *name; /* kernel's name, with underscores */
    char *version, *vermagic, *srcversion, *build_id;
    char **aliases, **depends, **firmware;
    char *note_variant, *note_version, *note_release; /* .note.XenServer types 1, 2, 3 */
    char *sig_signer, *sig_key, *sig_hash;            /* as the file claims; proves nothing */
    uint16_t elf_machine;
    uint64_t size; /* bytes of the uncompressed module */
} DmvModuleInfo;
void dmv_module_info_deinit(DmvModuleInfo *i);

/* A module file (or link) in a kernel's folder. */
typedef struct DmvModuleFile {
    char *name; /* kernel's name, with underscores */
    char *path; /* relative to the kernel's folder: "updates/ice.ko" */
    DmvTree tree;
    char *target; /* where the link points, as read, or NULL if this is no link */
    bool dangling;
    bool ours;      /* a link into the store or into an adopted variant's folder */
    char *build_id; /* of files in the kernel's own tree whose module is in question, else NULL */
    /* of foreign files only (dmv_module_file_is_foreign()) */
    char *leads_to;   /* of a link: its end, relative to the root; else NULL */
    uint64_t inode;   /* together with @changed: is it still the same file? */
    int64_t changed;  /* nanoseconds since the epoch */
    bool owner_known; /* it was found out which packages own it */
    bool verified;    /* the database's records of them are intact */
    char **packages;  /* NEVRA of each package that owns it, sorted */
} DmvModuleFile;

/* Somebody else's file in a tree that can hide the kernel's own: adopted, never changed. */
static inline bool dmv_module_file_is_foreign(const DmvModuleFile *f)
{
    return !f->ours && f->tree <= DMV_TREE_WEAK;
}

/* A link below usr/lib/firmware/updates/<kver>. */
typedef struct DmvFirmwareLink {
    char *path;   /* relative to that folder */
    char *target; /* as read */
} DmvFirmwareLink;

/* What the index of a kernel gives for a name that somebody manages. */
typedef struct DmvIndexEntry {
    char *module; /* kernel's name */
    char *path;   /* relative to the kernel's folder, NULL: built in */
    bool gone;    /* there is no such file: the module cannot be loaded */
} DmvIndexEntry;

/* What the index of a kernel gives for a device. */
typedef struct DmvBinding {
    char *slot;
    char **modules; /* kernel's names, in the order of the lookup */
} DmvBinding;

typedef struct DmvKernel {
    char *release;
    bool running;
    bool has_index; /* modules.dep.bin is there */
    DmvModuleFile
        *files; /* sorted by name, then path; every .ko below the folder, dmv/ and xenserver/ left out */
    size_t n_files;
    DmvIndexEntry *index; /* sorted by module; the names in question only */
    size_t n_index;
    DmvBinding *bindings; /* one a present device, virtual functions left out */
    size_t n_bindings;
    DmvFirmwareLink *firmware; /* sorted by path; links only */
    size_t n_firmware;
    bool alternate; /* an alternate kernel, by the settings */
    DmvKabi *abi;   /* what it exports; NULL unless dmv_fit_needs_table() */
} DmvKernel;

/* A module that the running kernel has loaded. */
typedef struct DmvLoaded {
    char *name;
    char *version, *srcversion, *build_id; /* NULL where the kernel does not say */
    char *note_variant, *note_version, *note_release;
    char *taint;
    bool coming; /* its initialization has not ended, and with it no probe that it began */
} DmvLoaded;

/* ---- installed releases ---- */

typedef enum DmvOrigin {
    DMV_ORIGIN_STORE,     /* /usr/lib/dmv/store: ours */
    DMV_ORIGIN_DMV,       /* <kver>/dmv: another package manager's, adopted */
    DMV_ORIGIN_XENSERVER, /* <kver>/xenserver: the same, older layout */
    DMV_ORIGIN_MAX,
    DMV_ORIGIN_INVALID = -1,
} DmvOrigin;
const char *dmv_origin_to_string(DmvOrigin o);

typedef struct DmvPciId {
    uint32_t vendor, device, subvendor, subdevice; /* DMV_PCI_ANY: any */
} DmvPciId;
#define DMV_PCI_ANY UINT32_MAX

/* Hardware that a module supports, as a catalog or an info.json says it. */
typedef struct DmvModuleIds {
    char *file; /* "ice.ko" */
    DmvPciId *ids;
    size_t n_ids;
    char **aliases; /* further patterns for modaliases, such as "pci:v*d*sv*sd*bc01sc08i02*" */
} DmvModuleIds;

typedef struct DmvInstalledModule {
    char *file; /* relative to the release's folder: "ice.ko" */
    DmvModuleInfo info;
    DmvModuleSymbols symbols; /* without an arena unless dmv_fit_needs_symbols() */
    char *problem;            /* why it cannot be used, or NULL */
} DmvInstalledModule;

/* One release for one kernel, lying on the disk. */
typedef struct DmvInstalled {
    char *driver, *variant, *version;
    char *kernel;    /* kernel release it is for */
    char *built_for; /* another kernel that an adopted one was built for, as its modules say, or NULL */
    DmvOrigin origin;
    char *folder; /* relative to the root */
    char *type;   /* "network", "storage", ... */
    char *description, *status;
    char *kabi; /* as info.json says, or NULL */
    int64_t priority;
    char *tier; /* "supported", "alternate", "additional" */
    DmvInstalledModule *modules;
    size_t n_modules;
    char **firmware; /* relative to the folder's firmware/ */
    DmvModuleIds *ids;
    size_t n_ids;
    char *problem; /* why it cannot be used (broken info.json, ...), or NULL */
    int unseen;    /* the error that kept something of it from being read and may pass, or 0 */
} DmvInstalled;

/* ---- everything ---- */

struct DmvModulePolicy; /* module-policy.h */

typedef struct DmvWorld {
    DmvDevice *devices; /* sorted by slot */
    size_t n_devices;
    bool devices_named; /* the names in pci.ids were looked up */
    uint64_t
        uevents; /* the kernel's number of its last event before the hardware was looked at; 0: not known */
    char *dmi_vendor, *dmi_product;        /* of the machine, may be NULL */
    char *running_kernel;                  /* NULL under a root that is not the running system */
    struct DmvModulePolicy *module_policy; /* what that one asks of a module; NULL: it was not asked */
    char *machine;                         /* "x86_64" */
    DmvKernel *kernels;                    /* sorted by release */
    size_t n_kernels;
    DmvLoaded *loaded; /* sorted by name */
    size_t n_loaded;
    DmvLifeline *lifelines; /* sorted by kind, then what */
    size_t n_lifelines;
    DmvInstalled *installed; /* sorted by driver, variant, version, kernel */
    size_t n_installed;
    char *depmod_conf;    /* text of our 00-dmv.conf, NULL if it is not there */
    bool depmod_excludes; /* this depmod knows `exclude` (kmod 30 and newer) */
    DmvProblems problems;
} DmvWorld;

void dmv_device_deinit(DmvDevice *d);
void dmv_lifeline_deinit(DmvLifeline *l);
void dmv_kernel_deinit(DmvKernel *k);
void dmv_loaded_deinit(DmvLoaded *l);
void dmv_module_ids_deinit(DmvModuleIds *m);
void dmv_installed_deinit(DmvInstalled *i);
void dmv_world_deinit(DmvWorld *w);
#define DMV_CLEANUP_WORLD DMV_CLEANUP(dmv_world_deinit)

/* The order that the arrays of a World have; the edges sort with it once they are filled. */
void dmv_world_sort(DmvWorld *w);

/**
 * dmv_world_find_unseen() - was something not seen that a plan stands on?
 * @w: the World
 * @modules: folder of the kernels, relative to the root
 * @ret_object: what, borrowed
 *
 * A kernel, an index, a release, which could not be read for a reason that may pass; a depmod that gives no
 * answer. A plan takes what it does not see for what is not there.
 *
 * Return: 0 if all was seen, or the error, negative.
 */
int dmv_world_find_unseen(const DmvWorld *w, const char *modules, const char **ret_object);

/* Lookups; NULL where there is none. Names of modules are compared with '-' and '_' taken as the same. */
const DmvDevice *dmv_world_device(const DmvWorld *w, const char *slot);
const DmvKernel *dmv_world_kernel(const DmvWorld *w, const char *release);
const DmvLoaded *dmv_world_loaded(const DmvWorld *w, const char *module);
const DmvInstalled *dmv_world_installed(const DmvWorld *w, const char *driver, const char *variant,
                                        const char *version, const char *kernel);
const DmvIndexEntry *dmv_kernel_index(const DmvKernel *k, const char *module);

#endif
