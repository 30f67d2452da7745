/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One RPM: verified against a private keyring, judged by its header, unpacked by ourselves. Only the fetch
 * worker links this: librpm may exit() the process it lives in.
 */
#ifndef DMV_TRUST_RPM_H
#define DMV_TRUST_RPM_H

#include "base/cleanup.h"
#include "dmv/outcome.h"
#include "model/catalog.h"

typedef struct DmvPackageKeys DmvPackageKeys;

/* Return: 0, -ENOMEM. Nothing of the host's rpm configuration or database is read, ever. */
int dmv_package_keys_new(DmvPackageKeys **ret);
DmvPackageKeys *dmv_package_keys_free(DmvPackageKeys *k);

/**
 * dmv_package_keys_add() - add one armoured certificate
 * @data: @size bytes of the file
 * @now: seconds since the epoch; the later of the clock and of what something signed has proven
 *
 * Keys whose end has come are left out, and a package that one of them has signed is refused with words that
 * say so: a certificate that ends is no mistake of anybody, and must not take the others with it.
 *
 * Return: 0; DMV_RPM_BAD_KEY_FILE (binary, empty, more than one, revoked, RSA below 2048 bits); -ENOMEM.
 */
int dmv_package_keys_add(DmvPackageKeys *k, const char *data, size_t size, int64_t now, DmvError *reterr);

/**
 * dmv_rpm_unpack() - verify a package and unpack it
 * @fd: the RPM; its size and sha256 were compared with the catalog by the caller
 * @k: who may sign
 * @driver, @variant: parts of the prefix that files must lie below
 * @p: what the catalog says: nevra, signer, kernel, unpacked size, files
 * @dirfd: an empty private folder; files are made in it with their paths relative to the prefix
 *         (/lib/modules/KERNEL/dmv/DRIVER/VARIANT/, also below /usr)
 * @reterr: filled on a refusal
 *
 * Order: signature (header and payload, required) -> hash algorithm and signer -> header policy, before
 * anything is decompressed -> payload -> every file's size and sha256 against the catalog. Scriptlets never
 * run.
 *
 * Return: 0; one of DMV_RPM_* , DMV_SIZE_MISMATCH or DMV_HASH_MISMATCH for a file; a negative errno. After a
 * refusal the folder may hold files; the caller removes it.
 */
int dmv_rpm_unpack(int fd, const DmvPackageKeys *k, const char *driver, const char *variant,
                   const DmvPackage *p, int dirfd, DmvError *reterr);

#endif
