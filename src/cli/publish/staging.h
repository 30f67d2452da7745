/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of one package, gathered in a private folder: checked, signed, hashed, and described for the
 * catalog. */
#ifndef DMV_PUBLISH_STAGING_H
#define DMV_PUBLISH_STAGING_H

#include "cli/publish/publisher.h"
#include "model/world.h"

/* Modules larger than this are refused by every reader too. */
#define DMV_STAGING_MODULE_MAX ((size_t)128 << 20)

typedef struct DmvStaging {
    char *path;             /* absolute: the private folder, with payload/ and room for rpmbuild */
    char *folder;           /* absolute: payload/ */
    int fd;                 /* payload/ */
    json_object *files;     /* array: what the catalog says of each file */
    uint64_t unpacked;      /* bytes of all files */
    uint16_t machine;       /* ELF machine of the modules, 0 before the first */
    int64_t newest;         /* latest modification of a file that was added, seconds since the epoch */
    DmvInstalled installed; /* what info.json will say; ids grow with the modules */
} DmvStaging;

#define DMV_STAGING_NULL \
    {                    \
        .fd = -1         \
    }

/* Makes the private folder in TMPDIR. Return: 0, or a negative errno with @reterr. */
int dmv_staging_init(DmvStaging *s, DmvError *reterr);
/* Removes it with all that is in it. */
void dmv_staging_deinit(DmvStaging *s);
#define DMV_CLEANUP_STAGING DMV_CLEANUP(dmv_staging_deinit)

/**
 * dmv_staging_add_module() - check, sign and add a module
 * @s: the staging; @s->installed says driver, variant, version and kernel
 * @p: whose key signs; NULL: the module stays as it is
 * @path: the .ko, not compressed
 * @reterr: filled on a refusal
 *
 * What is doubtful but allowed (no version, no note, no build-id) is said on standard error.
 *
 * Return: 0; DMV_MODULE_WRONG_NAME, DMV_MODULE_WRONG_VERMAGIC, DMV_MODULE_WRONG_MACHINE, DMV_MODULE_NOT_ELF,
 * DMV_TOO_LARGE, DMV_MALFORMED, DMV_BAD_KEY, DMV_INVALID_REQUEST (twice the same); a negative errno.
 */
int dmv_staging_add_module(DmvStaging *s, const DmvPublisher *p, const char *path, DmvError *reterr);

/* Adds a file as it is: firmware. @target is relative to the release's folder. Return: 0; DMV_INVALID_NAME,
 * DMV_INVALID_REQUEST (twice the same, or empty); a negative errno. */
int dmv_staging_add_file(DmvStaging *s, const char *path, const char *target, DmvError *reterr);

/* Adds info.json, which says what @s->installed says. Last of all. Return: 0, or a negative errno. */
int dmv_staging_add_info(DmvStaging *s, DmvError *reterr);

#endif
