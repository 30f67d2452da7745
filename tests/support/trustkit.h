/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys, roots, catalogs and bundles made in memory, for tests: what a publisher would do, without its
 * program.
 *
 * Every function ends the process when it cannot do its work: a test has no use for half a bundle. Texts are
 * owned by the caller (free()).
 */
#ifndef DMV_TESTS_TRUSTKIT_H
#define DMV_TESTS_TRUSTKIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times that the kit's roots and catalogs carry. */
#define TRUSTKIT_ISSUED "2026-01-01T00:00:00Z"
#define TRUSTKIT_EXPIRES "2026-07-01T00:00:00Z"
#define TRUSTKIT_ROOT_EXPIRES "2031-01-01T00:00:00Z"
#define TRUSTKIT_NOW ((int64_t)1769904000) /* 2026-02-01T00:00:00Z: between the first and the second */

typedef struct TrustKey TrustKey;

/* @scheme: "ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384". */
TrustKey *trust_key_new(const char *scheme);
/* The same EC key under another id: its point written compressed. */
TrustKey *trust_key_compressed(const TrustKey *k);
TrustKey *trust_key_free(TrustKey *k);
static inline void trust_key_cleanup(TrustKey **k)
{
    *k = trust_key_free(*k);
}
#define TRUST_KEY __attribute__((cleanup(trust_key_cleanup))) TrustKey

const char *trust_key_id(const TrustKey *k); /* sha256 of the SPKI, hex */
const char *trust_key_scheme(const TrustKey *k);
const char *trust_key_spki(const TrustKey *k); /* base64 */
void *trust_key_pkey(const TrustKey *k);       /* the EVP_PKEY, borrowed */

/* Signs @size bytes; @ret holds 256. Returns the signature's size. */
size_t trust_key_sign(const TrustKey *k, const void *data, size_t size, unsigned char ret[256]);

/* Keys of a role. */
typedef struct TrustRole {
    TrustKey *const *keys;
    size_t n;
    int threshold;
} TrustRole;

/* A root's payload. @expires: NULL for TRUSTKIT_ROOT_EXPIRES. */
char *trust_root(int64_t version, const char *expires, TrustRole root, TrustRole catalog);

/* A catalog's payload with these releases (the text of a JSON array, NULL for none). @expires: NULL for
 * TRUSTKIT_EXPIRES. */
char *trust_catalog(int64_t version, const char *stream, const char *expires, const char *releases);

/* An envelope of @payload, signed by @n keys. */
char *trust_envelope(const char *type, const char *payload, TrustKey *const *signers, size_t n);
char *trust_envelope_bytes(const char *type, const void *payload, size_t size, TrustKey *const *signers,
                           size_t n);

/* A bundle of @n root envelopes and a catalog envelope. */
char *trust_bundle(char *const *roots, size_t n, const char *catalog);

/*
 * A publisher: two root keys (both have to sign) and a catalog key.
 */
typedef struct TrustPublisher {
    TrustKey *root_keys[2];
    TrustKey *catalog_key;
    char *root; /* payload of root 1 */
} TrustPublisher;

void trust_publisher_init(TrustPublisher *p);
void trust_publisher_deinit(TrustPublisher *p);
/* A bundle with root 1 and this catalog payload. */
char *trust_publisher_bundle(const TrustPublisher *p, const char *catalog);

#endif
