/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys, roots, catalogs and bundles for tests. See trustkit.h. */
#include "trustkit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "trust/bundle.h"
#include "trust/dsse.h"

struct TrustKey {
    char scheme[32];
    EVP_PKEY *pkey;
    char id[DMV_SHA256_HEX];
    char spki[1024];
};

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "trustkit: %s failed\n", what);
    abort();
}

static char *take(DmvText *t)
{
    char *s = NULL;

    need(dmv_text_take(t, &s, NULL) == 0, "memory");
    return s;
}

/* Fills in what follows from the key. OpenSSL's own encoder, not ours. */
static TrustKey *wrap(const char *scheme, EVP_PKEY *pkey)
{
    TrustKey *k = calloc(1, sizeof(*k));
    unsigned char *der = NULL;
    int n;

    need(k && pkey, "key generation");
    (void)snprintf(k->scheme, sizeof(k->scheme), "%s", scheme);
    k->pkey = pkey;
    n = i2d_PUBKEY(pkey, &der);
    need(n > 0 && n < 600 && dmv_sha256_hex(der, (size_t)n, k->id) == 0, "SPKI");
    (void)EVP_EncodeBlock((unsigned char *)k->spki, der, n);
    OPENSSL_free(der);
    return k;
}

TrustKey *trust_key_new(const char *scheme)
{
    if (strcmp(scheme, "ed25519") == 0)
        return wrap(scheme, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    return wrap(scheme, EVP_PKEY_Q_keygen(NULL, NULL, "EC", strstr(scheme, "384") ? "P-384" : "P-256"));
}

TrustKey *trust_key_compressed(const TrustKey *k)
{
    EVP_PKEY *copy = EVP_PKEY_dup(k->pkey);

    need(copy && EVP_PKEY_set_utf8_string_param(copy, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                                "compressed") == 1,
         "point compression");
    return wrap(k->scheme, copy);
}

TrustKey *trust_key_free(TrustKey *k)
{
    if (k)
        EVP_PKEY_free(k->pkey);
    free(k);
    return NULL;
}

const char *trust_key_id(const TrustKey *k)
{
    return k->id;
}

const char *trust_key_scheme(const TrustKey *k)
{
    return k->scheme;
}

const char *trust_key_spki(const TrustKey *k)
{
    return k->spki;
}

void *trust_key_pkey(const TrustKey *k)
{
    return k->pkey;
}

size_t trust_key_sign(const TrustKey *k, const void *data, size_t size, unsigned char ret[256])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = strcmp(k->scheme, "ed25519") == 0 ? NULL
                       : strstr(k->scheme, "384")        ? EVP_sha384()
                                                         : EVP_sha256();
    size_t n = 256;

    need(ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, k->pkey) == 1 &&
             EVP_DigestSign(ctx, ret, &n, data, size) == 1,
         "signing");
    EVP_MD_CTX_free(ctx);
    return n;
}

/* ---- roots and catalogs ---- */

static void append_key(DmvText *t, const TrustKey *k, const char *before)
{
    dmv_text_appendf(t, "%s\"%s\":{\"scheme\":\"%s\",\"spki\":\"%s\"}", before, k->id, k->scheme, k->spki);
}

/* A key may be in both roles; it is listed once. */
static void append_keys(DmvText *t, const TrustRole *a, const TrustRole *b)
{
    const char *comma = "";

    for (size_t i = 0; i < a->n + b->n; i++) {
        const TrustKey *k = i < a->n ? a->keys[i] : b->keys[i - a->n];
        bool known = false;

        for (size_t j = 0; j < i; j++)
            known = known || strcmp((j < a->n ? a->keys[j] : b->keys[j - a->n])->id, k->id) == 0;
        if (known)
            continue;
        append_key(t, k, comma);
        comma = ",";
    }
}

static void append_role(DmvText *t, const char *name, const TrustRole *r)
{
    dmv_text_appendf(t, "\"%s\":{\"keyids\":[", name);
    for (size_t i = 0; i < r->n; i++)
        dmv_text_appendf(t, "%s\"%s\"", i ? "," : "", r->keys[i]->id);
    dmv_text_appendf(t, "],\"threshold\":%d}", r->threshold);
}

char *trust_root(int64_t version, const char *expires, TrustRole root, TrustRole catalog)
{
    DmvText t = {0};

    dmv_text_appendf(&t, "{\"_type\":\"root\",\"spec\":1,\"version\":%lld,\"expires\":\"%s\",\"keys\":{",
                     (long long)version, expires ? expires : TRUSTKIT_ROOT_EXPIRES);
    append_keys(&t, &root, &catalog);
    dmv_text_append(&t, "},\"roles\":{");
    append_role(&t, "root", &root);
    dmv_text_append(&t, ",");
    append_role(&t, "catalog", &catalog);
    dmv_text_append(&t, "}}");
    return take(&t);
}

char *trust_catalog(int64_t version, const char *stream, const char *expires, const char *releases)
{
    DmvText t = {0};

    dmv_text_appendf(
        &t,
        "{\"_type\":\"catalog\",\"spec\":1,\"version\":%lld,\"issued\":\"%s\",\"expires\":\"%s\","
        "\"stream\":\"%s\",\"releases\":",
        (long long)version, TRUSTKIT_ISSUED, expires ? expires : TRUSTKIT_EXPIRES, stream);
    dmv_text_append(&t, releases ? releases : "[]");
    dmv_text_append(&t, "}");
    return take(&t);
}

/* ---- envelopes and bundles ---- */

static void append_base64(DmvText *t, const void *data, size_t size)
{
    char *text = malloc(size / 3 * 4 + 8);

    need(text != NULL, "memory");
    (void)EVP_EncodeBlock((unsigned char *)text, data, (int)size);
    dmv_text_append(t, text);
    free(text);
}

char *trust_envelope_bytes(const char *type, const void *payload, size_t size, TrustKey *const *signers,
                           size_t n)
{
    DmvText t = {0}, pae = {0};

    dmv_text_appendf(&pae, "DSSEv1 %zu %s %zu ", strlen(type), type, size);
    dmv_text_append_bytes(&pae, payload, size);
    dmv_text_appendf(&t, "{\"payloadType\":\"%s\",\"payload\":\"", type);
    append_base64(&t, payload, size);
    dmv_text_append(&t, "\",\"signatures\":[");
    for (size_t i = 0; i < n; i++) {
        unsigned char sig[256];
        size_t m = trust_key_sign(signers[i], pae.data, pae.size, sig);

        dmv_text_appendf(&t, "%s{\"keyid\":\"%s\",\"sig\":\"", i ? "," : "", signers[i]->id);
        append_base64(&t, sig, m);
        dmv_text_append(&t, "\"}");
    }
    dmv_text_append(&t, "]}");
    dmv_text_deinit(&pae);
    return take(&t);
}

char *trust_envelope(const char *type, const char *payload, TrustKey *const *signers, size_t n)
{
    return trust_envelope_bytes(type, payload, strlen(payload), signers, n);
}

char *trust_bundle(char *const *roots, size_t n, const char *catalog)
{
    DmvText t = {0};

    dmv_text_append(&t, "{\"format\":\"dmv-bundle-1\",\"roots\":[");
    for (size_t i = 0; i < n; i++) {
        dmv_text_append(&t, i ? "," : "");
        dmv_text_append(&t, roots[i]);
    }
    dmv_text_append(&t, "],\"catalog\":");
    dmv_text_append(&t, catalog);
    dmv_text_append(&t, "}");
    return take(&t);
}

/* ---- a publisher ---- */

void trust_publisher_init(TrustPublisher *p)
{
    p->root_keys[0] = trust_key_new("ed25519");
    p->root_keys[1] = trust_key_new("ecdsa-sha2-nistp256");
    p->catalog_key = trust_key_new("ed25519");
    p->root = trust_root(1, NULL, (TrustRole){p->root_keys, 2, 2}, (TrustRole){&p->catalog_key, 1, 1});
}

void trust_publisher_deinit(TrustPublisher *p)
{
    trust_key_free(p->root_keys[0]);
    trust_key_free(p->root_keys[1]);
    trust_key_free(p->catalog_key);
    free(p->root);
    *p = (TrustPublisher){0};
}

char *trust_publisher_bundle(const TrustPublisher *p, const char *catalog)
{
    char *root = trust_envelope(DMV_ROOT_TYPE, p->root, p->root_keys, 2);
    char *signed_catalog = trust_envelope(DMV_CATALOG_TYPE, catalog, &p->catalog_key, 1);
    char *bundle = trust_bundle(&root, 1, signed_catalog);

    free(root);
    free(signed_catalog);
    return bundle;
}
