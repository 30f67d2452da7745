/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Public keys that may sign roots and catalogs.
 *
 * The scheme belongs to the key and is compared with what the key really is; nothing in a signature chooses
 * an algorithm.
 */
#ifndef DMV_TRUST_KEY_H
#define DMV_TRUST_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "dmv/outcome.h"

typedef struct DmvKey DmvKey;

/**
 * dmv_key_new() - a key from its SubjectPublicKeyInfo
 * @scheme: "ed25519", "ecdsa-sha2-nistp256" or "ecdsa-sha2-nistp384"
 * @spki: DER
 * @size: bytes
 * @ret: the key, owned by the caller
 * @reterr: filled on a refusal, may be NULL
 *
 * Return: 0; DMV_BAD_KEY (not exactly one SPKI, another type or curve than @scheme says, an unknown scheme);
 * -ENOMEM.
 */
int dmv_key_new(const char *scheme, const void *spki, size_t size, DmvKey **ret, DmvError *reterr);
DmvKey *dmv_key_free(DmvKey *k);

/* Its name: sha256 of the SPKI in lower-case hex. */
const char *dmv_key_id(const DmvKey *k);

/* Are the two the same key, whatever their encodings? (An EC point can be written compressed or not: two
 * ids.) Return: 1, 0, or -ENOMEM. */
int dmv_key_equal(const DmvKey *a, const DmvKey *b);

/* Is @signature this key's over @message? Return: 1 yes, 0 no; -ENOMEM. */
int dmv_key_verify(const DmvKey *k, const void *signature, size_t signature_size, const void *message,
                   size_t message_size);

static inline void dmv_cleanup_key(DmvKey **k)
{
    *k = dmv_key_free(*k);
}
#define DMV_CLEANUP_KEY DMV_CLEANUP(dmv_cleanup_key)

#endif
