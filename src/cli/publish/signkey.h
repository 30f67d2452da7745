/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private keys of the two roles that sign envelopes: root and catalog.
 *
 * A key is named by what a host computes itself: the SHA-256 over its SubjectPublicKeyInfo. The scheme is a
 * property of the key, never of a signature.
 */
#ifndef DMV_PUBLISH_SIGNKEY_H
#define DMV_PUBLISH_SIGNKEY_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "dmv/outcome.h"

typedef struct DmvSignkey {
    EVP_PKEY *pkey;
    const char *scheme;      /* static */
    char id[DMV_SHA256_HEX]; /* key id */
    uint8_t *spki;           /* DER */
    size_t spki_size;
} DmvSignkey;

typedef struct DmvSignkeys {
    DmvSignkey *items;
    size_t n;
} DmvSignkeys;

void dmv_signkey_deinit(DmvSignkey *k);
void dmv_signkeys_deinit(DmvSignkeys *k);
#define DMV_CLEANUP_SIGNKEYS DMV_CLEANUP(dmv_signkeys_deinit)
/* NULL if there is none. */
const DmvSignkey *dmv_signkeys_find(const DmvSignkeys *k, const char *id);

/* "ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384" */
bool dmv_signkey_scheme_is_known(const char *scheme);

/* Makes a key and appends it. Return: 0; DMV_INVALID_REQUEST for an unknown scheme; -ENOMEM. */
int dmv_signkey_generate(const char *scheme, DmvSignkeys *keys, DmvError *reterr);

/* Private key as PEM (PKCS #8, not encrypted): @ret is owned by the caller. Return: 0, -ENOMEM. */
int dmv_signkey_to_pem(const DmvSignkey *k, char **ret, size_t *ret_size);
/* Appends the key in a PEM file. Return: 0; DMV_BAD_KEY for what is none or of another kind; -ENOMEM. */
int dmv_signkey_from_pem(const char *data, size_t size, DmvSignkeys *keys, DmvError *reterr);

/**
 * dmv_signkeys_load() - every key in a folder whose file is named PREFIX.*.pem
 * @dirfd: the folder's parent
 * @path: the folder, relative
 * @prefix: "root" or "catalog"
 * @keys: appended to; a key that is there already is left out
 * @reterr: filled on a refusal
 *
 * Return: 0 (also for a folder that is not there); DMV_BAD_KEY; a negative errno with @reterr.
 */
int dmv_signkeys_load(int dirfd, const char *path, const char *prefix, DmvSignkeys *keys, DmvError *reterr);

/* Signs. @ret is owned by the caller. Return: 0; DMV_BAD_KEY; -ENOMEM. */
int dmv_signkey_sign(const DmvSignkey *k, const void *data, size_t size, uint8_t **ret, size_t *ret_size);

#endif
