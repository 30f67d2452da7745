/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a publisher whose key is good can do: payloads of roots and, last, of a catalog, a NUL between two of
 * them, are signed here and put into a bundle. What is accepted is in order, and trust never goes backwards.
 * A payload that begins with '!' is signed by nobody.
 */
#include <openssl/evp.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "trust/base64.h"
#include "trust/bundle.h"
#include "trust/dsse.h"

#define STREAM "s"
#define NOW 1790000000
#define ROOTS_MAX 8
/* The key whose private half is 1, 2, ... 32. */
#define KEY_ID "646d6be49d9f0048f94f67749eca35156eed4f7a7be18e4fc4a94bfd44e300b0"

static const char first_root[] =
    "{\"_type\":\"root\",\"spec\":1,\"version\":1,\"expires\":\"2099-01-01T00:00:00Z\",\"keys\":{\"" KEY_ID
    "\":{\"scheme\":\"ed25519\",\"spki\":\"MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=\"}},"
    "\"roles\":{\"root\":{\"keyids\":[\"" KEY_ID "\"],\"threshold\":1},"
    "\"catalog\":{\"keyids\":[\"" KEY_ID "\"],\"threshold\":1}}}";

static void append_base64(DmvText *t, const void *data, size_t size)
{
    DMV_CLEANUP_FREE unsigned char *text = malloc(size / 3 * 4 + 5);

    must(text && EVP_EncodeBlock(text, data, (int)size) >= 0);
    dmv_text_append(t, (const char *)text);
}

static void sign(const char *type, const char *payload, size_t size, unsigned char ret[64])
{
    static EVP_PKEY *key;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    DMV_CLEANUP_TEXT DmvText pae = {0};
    unsigned char private_half[32];
    size_t n = 64;

    for (unsigned i = 0; i < sizeof(private_half); i++)
        private_half[i] = (unsigned char)(i + 1);
    if (!key)
        key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_half, sizeof(private_half));
    dmv_dsse_pae(type, payload, size, &pae);
    must(key && context && pae.error == 0 && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
    must(EVP_DigestSign(context, ret, &n, (const unsigned char *)pae.data, pae.size) == 1 && n == 64);
    EVP_MD_CTX_free(context);
}

static void append_envelope(DmvText *t, const char *type, const char *payload, size_t size)
{
    unsigned char signature[64] = {0};

    if (size > 0 && payload[0] == '!') {
        payload++;
        size--;
    } else {
        sign(type, payload, size, signature);
    }
    dmv_text_appendf(t, "{\"payloadType\":\"%s\",\"payload\":\"", type);
    append_base64(t, payload, size);
    dmv_text_append(t, "\",\"signatures\":[{\"keyid\":\"" KEY_ID "\",\"sig\":\"");
    append_base64(t, signature, sizeof(signature));
    dmv_text_append(t, "\"}]}");
}

static void append_bundle(DmvText *t, const char *data, size_t size)
{
    const char *nul;

    dmv_text_append(t, "{\"format\":\"dmv-bundle-1\",\"roots\":[");
    for (unsigned i = 0; i < ROOTS_MAX && (nul = memchr(data, '\0', size)); i++) {
        dmv_text_append(t, i > 0 ? "," : "");
        append_envelope(t, DMV_ROOT_TYPE, data, (size_t)(nul - data));
        size -= (size_t)(nul + 1 - data);
        data = nul + 1;
    }
    dmv_text_append(t, "],\"catalog\":");
    append_envelope(t, DMV_CATALOG_TYPE, data, size);
    dmv_text_append(t, "}");
}

/* What is kept has to be readable, and has to know at least what was known before. */
static void check_state(const DmvTrustState *before, const DmvTrustState *after)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState again = {0};
    DMV_CLEANUP_FREE char *text = NULL;
    size_t n = 0;

    must(after->root_version >= before->root_version && after->clock_floor >= before->clock_floor);
    must(strcmp(after->key_set, before->key_set) != 0 || (after->catalog_version >= before->catalog_version &&
                                                          after->catalog_floor >= before->catalog_floor));
    must(dmv_trust_state_format(after, &text, &n) == 0 && dmv_trust_state_parse(text, n, &again, NULL) == 0);
    must(again.root_version == after->root_version && again.catalog_version == after->catalog_version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DMV_CLEANUP_TRUST_STATE DmvTrustState before = {0};
    DMV_CLEANUP_BUNDLE DmvBundleResult first = {0}, second = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DMV_CLEANUP_TEXT DmvText bundle = {0};
    int r;

    must(dmv_trust_state_from_root(first_root, strlen(first_root), &before, NULL) == 0);
    append_bundle(&bundle, (const char *)data, size);
    must(bundle.error == 0);
    r = dmv_bundle_verify(bundle.data, bundle.size, &before, STREAM, NOW, false, &first, &e);
    must(r >= 0 && (r == 0 || e.why != NULL) && (r == 0) == (first.catalog != NULL));
    if (r > 0 && !first.root_moved)
        return 0;
    check_state(&before, &first.state);
    if (r > 0)
        return 0;
    must(!first.expired && first.state.catalog_version > 0);
    r = dmv_bundle_verify(bundle.data, bundle.size, &first.state, STREAM, NOW, false, &second, NULL);
    must(r == 0 && second.unchanged && !second.root_moved);
    return 0;
}
