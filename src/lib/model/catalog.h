/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The catalog: the signed list of releases of one stream, as plain data.
 *
 * Parsing happens after verification (trust/bundle.h) and is strict: one wrong value refuses the whole
 * catalog, because it was signed as a whole. The format is described in dmv-catalog(5).
 */
#ifndef DMV_MODEL_CATALOG_H
#define DMV_MODEL_CATALOG_H

#include "model/match.h"
#include "model/world.h"

/* A file that a package brings, as its path below the release's folder. */
typedef struct DmvCatalogFile {
    char *path;    /* "ice.ko", "info.json", "firmware/intel/ice/ddp/ice.pkg" */
    uint64_t size; /* bytes */
    char sha256[65];
    char *build_id; /* of a module, lower-case hex, or NULL */
    char *signer; /* of a module: subject key id of the certificate in lower-case hex, or NULL: any of ours */
} DmvCatalogFile;

/* One release for one kernel. */
typedef struct DmvPackage {
    char *kernel;       /* kernel release whose vermagic the modules carry */
    char *name, *nevra; /* "dmv-intel-ice-dell-1.15.5-...", "NAME-VERSION-RELEASE.ARCH" */
    char *href;         /* relative to the repository */
    uint64_t size;      /* of the RPM in bytes */
    char sha256[65];
    char *signer;      /* key id (16 hex digits) of the RPM's signature, or NULL: any of ours */
    uint64_t unpacked; /* sum of the files' sizes in bytes */
    DmvCatalogFile *files;
    size_t n_files;
} DmvPackage;

typedef struct DmvDmiMatch {
    char *vendor, *product; /* fnmatch(3) patterns, NULL: any */
} DmvDmiMatch;

/* The most that a release may ask for: what the boot machine takes. */
enum {
    DMV_CATALOG_TRIAL_BOOTS_MAX = 100,
    DMV_CATALOG_TRIAL_HOURS_MAX = 2160, /* 90 days */
};

typedef struct DmvRelease {
    char *driver, *variant, *version;
    int64_t sequence; /* orders the releases of a driver: higher is newer */
    char *type;       /* "network", "storage", ... */
    char *tier;       /* "supported", "alternate", "additional" */
    char *status;     /* "production", "beta", ...: for people */
    char *description;
    int64_t priority;
    bool recommended;
    char *revoked; /* reason, or NULL */
    /* good boots, and hours in good health, that a trial of it needs; 0: nothing is asked for */
    int64_t trial_boots, trial_hours;
    DmvDmiMatch *dmi; /* any of them; none: every machine */
    size_t n_dmi;
    DmvModuleIds *ids; /* one entry a module */
    size_t n_ids;
    DmvPackage *packages;
    size_t n_packages;
} DmvRelease;

typedef struct DmvCatalog {
    char *stream;
    int64_t version;
    int64_t issued, expires; /* seconds since the epoch */
    DmvRelease *releases;    /* sorted by driver, variant, version */
    size_t n_releases;
    DmvMatcher *matcher;    /* devices to indexes into releases; built while parsing */
    struct DmvArena *arena; /* where everything lies that the releases point to; never free a part */
} DmvCatalog;

/**
 * dmv_catalog_parse() - the payload of a verified catalog envelope to data
 * @data: the bytes
 * @size: how many
 * @ret: the catalog, owned by the caller
 * @reterr: filled on a refusal, may be NULL
 *
 * Does not judge expiry, stream or version: trust/bundle.c has done that.
 *
 * Return: 0; DMV_EMPTY, DMV_TOO_LARGE, DMV_TOO_DEEP, DMV_MALFORMED (with the place in @reterr),
 * DMV_WRONG_TYPE, DMV_UNKNOWN_SPEC; -ENOMEM.
 */
int dmv_catalog_parse(const char *data, size_t size, DmvCatalog **ret, DmvError *reterr);
DmvCatalog *dmv_catalog_free(DmvCatalog *c);

static inline void dmv_cleanup_catalog(DmvCatalog **c)
{
    *c = dmv_catalog_free(*c);
}
#define DMV_CLEANUP_CATALOG DMV_CLEANUP(dmv_cleanup_catalog)

/* NULL if there is none. */
const DmvRelease *dmv_catalog_release(const DmvCatalog *c, const char *driver, const char *variant,
                                      const char *version);
const DmvPackage *dmv_release_package(const DmvRelease *r, const char *kernel);

#endif
