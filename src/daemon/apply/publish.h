/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into the store and out of it.
 *
 * A release is copied into a hidden folder on the store's own filesystem, hashed while it is copied, judged
 * there, synced, and becomes visible with one rename. So it is in the store completely or not at all, and
 * what was judged is what is there: the folder that it came from belongs to the unprivileged fetch worker and
 * is never looked at twice.
 */
#ifndef DMV_APPLY_PUBLISH_H
#define DMV_APPLY_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"
#include "host/roots.h"
#include "trust/modsig.h"

/* The catalog's limits. */
#define DMV_PUBLISH_FILES_MAX 4096
#define DMV_PUBLISH_FILE_SIZE_MAX (UINT64_C(1) << 40)

/* A file of a release as the catalog says it. */
typedef struct DmvPublishFile {
    char *path;     /* below the release's folder */
    uint64_t size;  /* bytes */
    char *sha256;   /* 64 lower-case hex digits */
    char *build_id; /* of a module, lower-case hex, or NULL: whatever it is */
    char *signer;   /* subject key id of the certificate that signed a module, or NULL: any */
} DmvPublishFile;

typedef struct DmvPublishRequest {
    char *driver, *variant, *version, *kernel;
    DmvPublishFile *files;
    size_t n_files;
    DmvCertificates *certificates; /* that may sign modules, or NULL */
    bool require_signature;        /* refuse modules that none of them signed */
} DmvPublishRequest;

/* Frees everything, the certificates too. */
void dmv_publish_request_deinit(DmvPublishRequest *q);

/**
 * dmv_publish() - put a release into the store
 * @r: the roots
 * @source: folder with its files
 * @q: what the catalog says about it
 * @ret_folder: the release's folder, relative to the root, owned by the caller
 * @reterr: filled on a refusal, may be NULL
 *
 * The caller holds the lock. A release that is there with the same content is judged again and counts as
 * published. On a refusal nothing is left behind.
 *
 * Return: 0; DMV_INVALID_NAME, DMV_INVALID_REQUEST; DMV_NO_SPACE, DMV_READ_ONLY; DMV_RPM_MISSING_FILE for a
 * file that is not in @source, DMV_RPM_BAD_FILE for what is no regular file there; DMV_SIZE_MISMATCH,
 * DMV_HASH_MISMATCH; DMV_CONFLICT if the store has other content under that name; what dmv_judge() returns; a
 * negative errno.
 */
int dmv_publish(const DmvRoots *r, int source, const DmvPublishRequest *q, char **ret_folder,
                DmvError *reterr);

/**
 * dmv_unpublish() - remove a release from the store
 *
 * Folders that are empty then go too.
 *
 * Return: 0; DMV_INVALID_NAME; DMV_NOT_INSTALLED; DMV_IN_USE if a link in a tree of that kernel leads into
 * it; a negative errno.
 */
int dmv_unpublish(const DmvRoots *r, const char *driver, const char *variant, const char *version,
                  const char *kernel, DmvError *reterr);

/* Removes what a process that died has left in the store. The caller holds the lock. @ret_found says whether
 * there was anything. Return: 0, or a negative errno. */
int dmv_publish_clean(const DmvRoots *r, bool *ret_found);

#endif
