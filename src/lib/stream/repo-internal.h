/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of this folder share: the rules for URLs (repo-url.c), the record of repomd.xml
 * (repo-record.c), one bounded transfer (repo-transfer.c) and what is asked of a repository (repo.c). Nobody
 * else includes this but the fuzz target.
 */
#ifndef DMV_STREAM_REPO_INTERNAL_H
#define DMV_STREAM_REPO_INTERNAL_H

#include <librepo/librepo.h>

#include "base/hash.h"
#include "base/text.h"
#include "repo.h"

/* repomd.xml of a distribution has some 20 KB. */
#define DMV_REPOMD_MAX ((uint64_t)4 * 1024 * 1024)

/* One mirror, and the limits of the file that is being transferred. */
typedef struct DmvTransfer {
    const DmvRepoOptions *o;
    const char *url;   /* of the mirror */
    const char *into;  /* absolute path of an existing folder for this mirror */
    uint64_t end_usec; /* CLOCK_MONOTONIC: no byte is taken after it */

    bool report;  /* tell o->progress about this file */
    uint64_t max; /* bytes */
    int too_long; /* the outcome above @max */
    uint64_t total, done;
    uint64_t window_usec, window_done; /* since when, and @done then: for the lowest speed */
    int outcome;                       /* what ended the transfer from our side, or 0 */
} DmvTransfer;

uint64_t dmv_repo_now_usec(void);

/* Return: 0, DMV_STREAM_BAD_URL. */
int dmv_repo_check_url(const char *url, DmvError *reterr);

/* Is @href a plain path below a repository? No "..", no scheme, nothing that a URL gives a meaning to. */
bool dmv_repo_href_is_valid(const char *href);

/* Where the catalog of a repository is. */
typedef struct DmvRepoRecord {
    char *href; /* below the repository, dmv_repo_href_is_valid() */
    char sha256[DMV_SHA256_HEX];
    uint64_t size; /* 0: not said */
} DmvRepoRecord;

void dmv_repo_record_deinit(DmvRepoRecord *r);

/**
 * dmv_repo_find_record() - the record "dmv"
 * @md: as librepo has parsed it; NULL is one without records
 * @ret: free with dmv_repo_record_deinit()
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_STREAM_NO_CATALOG; DMV_STREAM_BAD_REPOSITORY for one that cannot be fetched, or for two of
 * them; -ENOMEM.
 */
int dmv_repo_find_record(const LrYumRepoMd *md, DmvRepoRecord *ret, DmvError *reterr);

/* Return: DMV_STREAM_BAD_REPOSITORY, and what to do about it. */
int dmv_repo_bad(DmvError *reterr, const char *why);

/**
 * dmv_repo_check_local() - can a file of a file:// repository be read?
 *
 * curl opens such a file without a deadline and says little when it cannot: a FIFO would hang, a missing
 * permission is the usual mistake. Return: 0 (also for other schemes), DMV_STREAM_UNREACHABLE,
 * DMV_STREAM_BAD_URL.
 */
int dmv_repo_check_local(const char *url, const char *relative, DmvError *reterr);

/**
 * dmv_transfer_repomd() - repomd.xml and nothing else
 * @ret: owned, lr_result_free()
 *
 * Return: 0; DMV_STREAM_UNREACHABLE, DMV_STREAM_TIMEOUT, DMV_STREAM_BAD_REPOSITORY, DMV_TOO_LARGE,
 * DMV_CANCELLED; a negative errno.
 */
int dmv_transfer_repomd(DmvTransfer *t, LrResult **ret, DmvError *reterr);

/**
 * dmv_transfer_file() - one file of the repository
 * @href: where it is
 * @size: bytes that it must have, 0: up to the options' maximum
 * @sha256: what it must be
 * @ret_path: owned
 * @ret_fd: opened for reading, at its beginning; what was hashed
 *
 * Return: as above; DMV_SIZE_MISMATCH, DMV_HASH_MISMATCH.
 */
int dmv_transfer_file(DmvTransfer *t, const char *href, uint64_t size, const char *sha256, char **ret_path,
                      int *ret_fd, DmvError *reterr);

#endif
