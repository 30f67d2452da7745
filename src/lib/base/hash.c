/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SHA-256 by OpenSSL's EVP, fetched once per hash. See hash.h. */
#include "hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "cleanup.h"
#include "text.h"

struct DmvHash {
    EVP_MD_CTX *ctx;
};

void dmv_crypto_init(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

DmvHash *dmv_hash_free(DmvHash *h)
{
    if (!h)
        return NULL;
    EVP_MD_CTX_free(h->ctx);
    free(h);
    return NULL;
}

DMV_DEFINE_CLEANUP(DmvHash *, cleanup_hash, dmv_hash_free);

/* What OpenSSL keeps of an error is nobody's later one. */
static int failed(void)
{
    ERR_clear_error();
    return -ENOMEM;
}

int dmv_hash_new(DmvHash **ret)
{
    DMV_CLEANUP(cleanup_hash) DmvHash *h = calloc(1, sizeof(*h));

    if (!h || !(h->ctx = EVP_MD_CTX_new()) || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
        return failed();
    *ret = DMV_TAKE_PTR(h);
    return 0;
}

int dmv_hash_update(DmvHash *h, const void *data, size_t size)
{
    return EVP_DigestUpdate(h->ctx, data, size) == 1 ? 0 : failed();
}

int dmv_hash_final(DmvHash *h, char ret_hex[DMV_SHA256_HEX])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_DigestFinal_ex(h->ctx, digest, &n) != 1 || n != DMV_SHA256_SIZE)
        return failed();
    dmv_hex(digest, n, ret_hex);
    return 0;
}

int dmv_sha256_hex(const void *data, size_t size, char ret_hex[DMV_SHA256_HEX])
{
    DMV_CLEANUP(cleanup_hash) DmvHash *h = NULL;
    int r = dmv_hash_new(&h);

    if (r == 0)
        r = dmv_hash_update(h, data, size);
    if (r == 0)
        r = dmv_hash_final(h, ret_hex);
    return r;
}
