/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An RPM repository as transport: the bundle from the repomd record "dmv", packages by size and sha256. Only
 * the fetch worker links this: librepo may abort() the process it lives in.
 */
#ifndef DMV_STREAM_REPO_H
#define DMV_STREAM_REPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmv/outcome.h"

typedef struct DmvRepoOptions {
    char *const *urls;      /* mirrors, tried in order: http://, https://, file:// */
    const char *folder;     /* absolute path of a private, empty folder for what is downloaded */
    const char *ca_file;    /* PEM for https, or NULL: the system's */
    uint64_t max_bytes;     /* of any one file */
    uint64_t deadline_usec; /* for the whole transfer */
    uint64_t low_speed;     /* bytes per second ... */
    unsigned low_speed_sec; /* ... for that many seconds end a transfer */
    /* bytes so far and in all (0: unknown); a negative return cancels */
    int (*progress)(uint64_t done, uint64_t total, void *userdata);
    void *userdata;
} DmvRepoOptions;

/**
 * dmv_repo_fetch_catalog() - the record "dmv"
 * @known_sha256: checksum of the record that the caller has already, or NULL
 * @ret_path: absolute path of the file below @o->folder, owned; NULL when @ret_unchanged
 * @ret_sha256: checksum of the record as repomd.xml says it
 * @ret_unchanged: the record is the one known; nothing but repomd.xml was fetched
 *
 * Return: 0; DMV_STREAM_UNREACHABLE, DMV_STREAM_TIMEOUT, DMV_STREAM_NO_CATALOG, DMV_STREAM_BAD_URL,
 * DMV_STREAM_BAD_REPOSITORY, DMV_TOO_LARGE, DMV_SIZE_MISMATCH, DMV_HASH_MISMATCH, DMV_CANCELLED; a negative
 * errno. When all mirrors fail, it is the first one's, and @reterr says what each of them did.
 */
int dmv_repo_fetch_catalog(const DmvRepoOptions *o, const char *known_sha256, char **ret_path,
                           char ret_sha256[65], bool *ret_unchanged, DmvError *reterr);

/**
 * dmv_repo_fetch_package() - one file of the repository, of exactly that size and hash
 * @href: relative path, no "..", no scheme
 * @ret_fd: opened O_RDONLY; its size and hash were compared
 *
 * Nothing stays in @o->folder.
 *
 * Return: 0; the above without DMV_STREAM_NO_CATALOG.
 */
int dmv_repo_fetch_package(const DmvRepoOptions *o, const char *href, uint64_t size, const char *sha256,
                           int *ret_fd, DmvError *reterr);

#endif
