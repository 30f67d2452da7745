/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of this folder share: the keyring (rpm-key.c), the judgement of a header (rpm-policy.c) and
 * the unpacking (rpm-payload.c), put together by rpm.c. Nobody else includes this.
 */
#ifndef DMV_TRUST_RPM_INTERNAL_H
#define DMV_TRUST_RPM_INTERNAL_H

#include <rpm/rpmfiles.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <stdbool.h>
#include <stdint.h>

#include "openpgp.h"
#include "rpm.h"

/* A key that is not in the keyring, because its time is over. */
typedef struct DmvEndedKey {
    DmvKeyId id;
    int64_t end; /* seconds since the epoch */
} DmvEndedKey;

struct DmvPackageKeys {
    rpmKeyring keys;
    DmvKeyId *ids; /* of primary keys and subkeys */
    size_t n_ids;
    DmvEndedKey *ended;
    size_t n_ended;
};

/* Is there a key with that id? */
bool dmv_package_keys_has(const DmvPackageKeys *k, const DmvKeyId *id);
/* When did it end? 0: a key of that id was not left out for that. */
int64_t dmv_package_keys_end(const DmvPackageKeys *k, const DmvKeyId *id);

/* What an entry of the header stands for; the index is that of librpm. */
typedef struct DmvRpmFiles {
    const DmvCatalogFile **files; /* by index of librpm; NULL for a folder */
    size_t n;
} DmvRpmFiles;

void dmv_rpm_files_deinit(DmvRpmFiles *f);

/**
 * dmv_rpm_judge() - is what this header announces what the catalog approved?
 * @h: the verified header
 * @entries: its files
 * @driver, @variant, @p: what the catalog says
 * @ret: which entry is which file; borrows from @p
 *
 * Nothing is decompressed. Return: 0; DMV_RPM_SOURCE, DMV_RPM_WRONG_NEVRA, DMV_RPM_PAYLOAD,
 * DMV_RPM_TOO_MANY_FILES, DMV_RPM_TOO_LARGE, DMV_RPM_BAD_PATH, DMV_RPM_BAD_FILE, DMV_RPM_EXTRA_FILE,
 * DMV_RPM_MISSING_FILE, DMV_SIZE_MISMATCH, DMV_HASH_MISMATCH; -ENOMEM.
 */
int dmv_rpm_judge(Header h, rpmfiles entries, const char *driver, const char *variant, const DmvPackage *p,
                  DmvRpmFiles *ret, DmvError *reterr);

/**
 * dmv_rpm_extract() - write the files of a judged package
 * @fd: stands at the payload; taken over
 * @h, @entries, @files: as judged
 * @dirfd: an empty folder
 *
 * Return: 0; DMV_RPM_PAYLOAD, DMV_RPM_MISSING_FILE, DMV_RPM_EXTRA_FILE, DMV_SIZE_MISMATCH, DMV_HASH_MISMATCH;
 * a negative errno.
 */
int dmv_rpm_extract(FD_t fd, Header h, rpmfiles entries, const DmvRpmFiles *files, int dirfd,
                    DmvError *reterr);

/* The compressor's name as librpm's Fdopen() takes it, or NULL if it is not one that we take. */
const char *dmv_rpm_compressor(Header h);

#endif
