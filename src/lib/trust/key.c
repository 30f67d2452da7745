/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Public keys by OpenSSL's EVP. See key.h.
 *
 * An EC key with explicit parameters is refused even where they are those of the named curve: it is one more
 * encoding of the same key, and a door to curves of somebody's own making (CVE-2020-0601).
 */
#include "key.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct Scheme {
    const char *name;
    const char *type;  /* of the EVP_PKEY */
    const char *group; /* of an EC key, or NULL */
    const EVP_MD *(*digest)(void);
} Scheme;

static const Scheme schemes[] = {
    {"ed25519", "ED25519", NULL, NULL},
    {"ecdsa-sha2-nistp256", "EC", "prime256v1", EVP_sha256},
    {"ecdsa-sha2-nistp384", "EC", "secp384r1", EVP_sha384},
};

struct DmvKey {
    const Scheme *scheme;
    EVP_PKEY *pkey;
    char id[DMV_SHA256_HEX];
};

DmvKey *dmv_key_free(DmvKey *k)
{
    if (!k)
        return NULL;
    EVP_PKEY_free(k->pkey);
    free(k);
    return NULL;
}

/* What OpenSSL keeps of errors is nobody's later one, also where it went on after one. Has it refused
 * something, with errno 0 before, for lack of memory? */
static bool was_out_of_memory(void)
{
    ERR_clear_error();
    return errno == ENOMEM;
}

static const Scheme *find_scheme(const char *name)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(schemes); i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return NULL;
}

static bool is_of_scheme(const EVP_PKEY *pkey, const Scheme *scheme)
{
    char group[32] = "";
    int is_explicit = 0;

    if (!EVP_PKEY_is_a(pkey, scheme->type))
        return false;
    if (!scheme->group)
        return true;
    if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 || strcmp(group, scheme->group) != 0)
        return false;
    return EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
           !is_explicit;
}

int dmv_key_new(const char *scheme, const void *spki, size_t size, DmvKey **ret, DmvError *reterr)
{
    DMV_CLEANUP_KEY DmvKey *k = calloc(1, sizeof(*k));
    const unsigned char *p = spki;
    bool of_scheme = false;

    if (!k || dmv_sha256_hex(spki, size, k->id) < 0)
        return dmv_error_set(reterr, -ENOMEM, "cannot read a key", NULL, "out of memory");
    k->scheme = find_scheme(scheme);
    if (!k->scheme)
        return dmv_error_set(reterr, DMV_BAD_KEY, "cannot read a key", NULL,
                             "the scheme of key %.16s is not known", k->id);
    errno = 0;
    k->pkey = size <= 4096 ? d2i_PUBKEY(NULL, &p, (long)size) : NULL;
    if (k->pkey && p == (const unsigned char *)spki + size)
        of_scheme = is_of_scheme(k->pkey, k->scheme);
    if (was_out_of_memory() && !of_scheme)
        return dmv_error_set(reterr, -ENOMEM, "cannot read a key", NULL, "out of memory");
    if (!k->pkey || p != (const unsigned char *)spki + size)
        return dmv_error_set(reterr, DMV_BAD_KEY, "cannot read a key", NULL,
                             "key %.16s is not a DER SubjectPublicKeyInfo and nothing else", k->id);
    if (!of_scheme)
        return dmv_error_set(reterr, DMV_BAD_KEY, "cannot read a key", NULL,
                             "key %.16s is not of the scheme %s", k->id, scheme);
    *ret = DMV_TAKE_PTR(k);
    return 0;
}

const char *dmv_key_id(const DmvKey *k)
{
    return k->id;
}

int dmv_key_equal(const DmvKey *a, const DmvKey *b)
{
    bool equal;

    errno = 0;
    equal = EVP_PKEY_eq(a->pkey, b->pkey) == 1;
    return was_out_of_memory() && !equal ? -ENOMEM : equal;
}

static void cleanup_md_ctx(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

int dmv_key_verify(const DmvKey *k, const void *signature, size_t signature_size, const void *message,
                   size_t message_size)
{
    DMV_CLEANUP(cleanup_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = k->scheme->digest ? k->scheme->digest() : NULL;
    bool good;

    errno = 0;
    if (!ctx || EVP_DigestVerifyInit(ctx, NULL, md, NULL, k->pkey) != 1) {
        ERR_clear_error();
        return -ENOMEM;
    }
    good = EVP_DigestVerify(ctx, signature, signature_size, message, message_size) == 1;
    return was_out_of_memory() && !good ? -ENOMEM : good;
}
