/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Envelopes and keys. The openssl program signs what it is given here, so that our reading of DSSE is checked
 * by somebody else's signatures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "../support/scratch.h"
#include "../support/trustkit.h"
#include "trust/base64.h"
#include "trust/bundle.h"
#include "trust/dsse.h"

#define TYPE "application/vnd.dmv.test"

static int parse(const char *text, size_t max, DmvEnvelope *ret)
{
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t size = strlen(text);
    char *exact = malloc(size ? size : 1);
    int r;

    assert_non_null(exact);
    memcpy(exact, text, size);
    r = dmv_envelope_parse(exact, size, TYPE, max, ret, &e);
    free(exact);
    assert_int_equal(e.code, r);
    return r;
}

/* Our view of a test's key. */
static DmvKey *public_part(const TrustKey *k)
{
    const char *text = trust_key_spki(k);
    unsigned char spki[1024];
    DmvKey *key = NULL;
    size_t n = 0;

    assert_int_equal(dmv_base64_decode(text, strlen(text), spki, &n), 0);
    assert_int_equal(dmv_key_new(trust_key_scheme(k), spki, n, &key, NULL), 0);
    assert_string_equal(dmv_key_id(key), trust_key_id(k));
    return key;
}

/* ---- envelopes ---- */

static void test_pae(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    (void)state;
    /* the example of https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md */
    dmv_dsse_pae("http://example.com/HelloWorld", "hello world", 11, &t);
    assert_string_equal(t.data, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

static void test_parse(void **state)
{
    TRUST_KEY *k = trust_key_new("ed25519");
    DMV_CLEANUP_FREE char *text = trust_envelope(TYPE, "payload!", &k, 1), *out = NULL;
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
    size_t n = 0;

    (void)state;
    assert_int_equal(parse(text, 8, &e), 0);
    assert_int_equal(e.payload_size, 8);
    assert_memory_equal(e.payload, "payload!", 8);
    assert_int_equal(e.n_signatures, 1);
    assert_int_equal(e.signatures[0].size, 64);
    assert_string_equal(e.signatures[0].key_id, trust_key_id(k));
    dmv_envelope_take_payload(&e, &out, &n);
    assert_int_equal(n, 8);
    assert_string_equal(out, "payload!");
    assert_null(e.pae);
    assert_int_equal(parse(text, 7, &e), DMV_TOO_LARGE);
}

static void test_refuses(void **state)
{
    static const struct {
        const char *text;
        int want;
    } bad[] = {
        {"", DMV_EMPTY},
        {"{}", DMV_MALFORMED},
        {"[]", DMV_MALFORMED},
        {"{\"payloadType\":\"x\",\"payload\":\"\",\"signatures\":[]}", DMV_WRONG_TYPE},
        {"{\"payloadType\":7,\"payload\":\"\",\"signatures\":[]}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"signatures\":[]}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":7,\"signatures\":[]}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":{},\"signatures\":[]}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":null,\"signatures\":[]}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ\",\"signatures\":[]}", DMV_BAD_BASE64},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YR==\",\"signatures\":[]}", DMV_BAD_BASE64},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"Y\\u0051==\",\"signatures\":[]}", 0},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ==\\n\",\"signatures\":[]}", DMV_BAD_BASE64},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ==\"}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ==\",\"signatures\":{}}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ==\",\"signatures\":[7]}", DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ==\",\"signatures\":[{\"sig\":\"YQ==\"}]}",
         DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ==\",\"signatures\":[{\"keyid\":\"x\"}]}",
         DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"YQ==\",\"payload\":\"YQ==\",\"signatures\":[]}",
         DMV_MALFORMED},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"\",\"signatures\":[],\"later\":{}}", 0},
        {"{\"payloadType\":\"" TYPE "\",\"payload\":\"\",\"signatures\":[[[[[[[[]]]]]]]]}", DMV_TOO_DEEP},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
        int r = parse(bad[i].text, 100, &e);

        if (r != bad[i].want)
            print_error("%s: %s\n", bad[i].text, dmv_outcome_reason(r));
        assert_int_equal(r, bad[i].want);
        assert_int_equal(e.pae != NULL, r == 0);
    }
}

/* Signatures of kinds that are not ours are passed over, ours have to be in order. */
static void test_foreign_signatures(void **state)
{
    TRUST_KEY *k = trust_key_new("ed25519");
    DMV_CLEANUP_KEY DmvKey *key = public_part(k);
    const DmvKey *keys[] = {key};
    DMV_CLEANUP_FREE char *text = trust_envelope(TYPE, "x", &k, 1), *more = NULL, *bad = NULL;
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};
    char *at = strstr(text, "[{");
    char large[601];

    (void)state;
    memset(large, 'A', 600);
    large[600] = '\0';
    assert_true(
        asprintf(&more,
                 "%.*s[{\"keyid\":\"post-quantum\",\"sig\":\"?\"},{\"keyid\":\"%s\",\"sig\":\"%s\"},%s",
                 (int)(at - text), text, trust_key_id(k), large, at + 1) > 0);
    assert_int_equal(parse(more, 10, &e), 0);
    assert_int_equal(e.n_signatures, 3);
    assert_int_equal(dmv_envelope_verify(&e, keys, 1, 1, NULL), 0);
    dmv_envelope_deinit(&e);
    assert_true(asprintf(&bad, "%.*s[{\"keyid\":\"%s\",\"sig\":\"?\"},%s", (int)(at - text), text,
                         trust_key_id(k), at + 1) > 0);
    assert_int_equal(parse(bad, 10, &e), DMV_BAD_BASE64);
}

static void test_too_many_signatures(void **state)
{
    TRUST_KEY *k = trust_key_new("ed25519");
    TrustKey *many[65];
    DMV_CLEANUP_FREE char *most = NULL, *more = NULL;
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};

    (void)state;
    for (size_t i = 0; i < 65; i++)
        many[i] = k;
    most = trust_envelope(TYPE, "x", many, 64);
    more = trust_envelope(TYPE, "x", many, 65);
    assert_int_equal(parse(most, 10, &e), 0);
    dmv_envelope_deinit(&e);
    assert_int_equal(parse(more, 10, &e), DMV_TOO_LARGE);
}

/* ---- thresholds ---- */

static int verify(const char *text, const DmvKey *const *keys, size_t n, size_t threshold)
{
    DMV_CLEANUP_ENVELOPE DmvEnvelope e = {0};

    assert_int_equal(parse(text, 100, &e), 0);
    return dmv_envelope_verify(&e, keys, n, threshold, NULL);
}

static void test_thresholds(void **state)
{
    static const char *const schemes[] = {"ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"};
    TrustKey *all[3], *repeated[3];
    DmvKey *owned[3];
    const DmvKey *keys[3];
    char *text;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        all[i] = trust_key_new(schemes[i]);
        keys[i] = owned[i] = public_part(all[i]);
    }
    for (size_t n = 0; n <= 3; n++) {
        text = trust_envelope(TYPE, "payload", all, n);
        for (size_t threshold = 1; threshold <= 3; threshold++)
            assert_int_equal(verify(text, keys, 3, threshold), n >= threshold ? 0 : DMV_BELOW_THRESHOLD);
        assert_int_equal(verify(text, keys, 3, 0), DMV_BELOW_THRESHOLD); /* nobody is not enough, ever */
        free(text);
    }
    for (size_t i = 0; i < 3; i++) {
        repeated[0] = repeated[1] = repeated[2] = all[i];
        text = trust_envelope(TYPE, "payload", repeated, 3);
        assert_int_equal(verify(text, keys, 3, 1), 0);
        assert_int_equal(verify(text, keys, 3, 2), DMV_BELOW_THRESHOLD);
        assert_int_equal(verify(text, keys + (i + 1) % 3, 1, 1), DMV_BELOW_THRESHOLD);
        free(text);
    }
    for (size_t i = 0; i < 3; i++) {
        trust_key_free(all[i]);
        dmv_key_free(owned[i]);
    }
}

/* A key's point written in two ways makes two ids, and one signer. */
static void test_encodings_count_once(void **state)
{
    static const char *const schemes[] = {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        TRUST_KEY *k = trust_key_new(schemes[i]), *same = trust_key_compressed(k);
        TrustKey *both[] = {k, same};
        DMV_CLEANUP_KEY DmvKey *a = public_part(k), *b = public_part(same);
        const DmvKey *keys[] = {a, b};
        DMV_CLEANUP_FREE char *text = trust_envelope(TYPE, "payload", both, 2);

        assert_string_not_equal(dmv_key_id(a), dmv_key_id(b));
        assert_int_equal(dmv_key_equal(a, b), 1);
        assert_int_equal(verify(text, keys, 2, 1), 0);
        assert_int_equal(verify(text, keys + 1, 1, 1), 0);
        assert_int_equal(verify(text, keys, 2, 2), DMV_BELOW_THRESHOLD);
    }
}

/* The type is a part of what is signed. */
static void test_type_is_signed(void **state)
{
    TRUST_KEY *k = trust_key_new("ed25519");
    DMV_CLEANUP_KEY DmvKey *key = public_part(k);
    const DmvKey *keys[] = {key};
    DMV_CLEANUP_FREE char *text = trust_envelope("application/vnd.dmv.tesu", "x", &k, 1);

    (void)state;
    memcpy(strstr(text, "tesu"), "test", 4);
    assert_int_equal(verify(text, keys, 1, 1), DMV_BELOW_THRESHOLD);
}

/* ---- the openssl program ---- */

/* Signs the PAE of "hello" by the openssl program with a key of its own making, and verifies. */
static void check_openssl(const char *scheme, const char *keygen, const char *sign)
{
    SCRATCH s;
    DMV_CLEANUP_TEXT DmvText pae = {0}, text = {0};
    DMV_CLEANUP_FREE char *script = NULL, *spki = NULL, *sig = NULL;
    DMV_CLEANUP_KEY DmvKey *key = NULL;
    const DmvKey *keys[1];
    size_t spki_size = 0, sig_size = 0;

    scratch_init(&s);
    dmv_dsse_pae(TYPE, "hello", 5, &pae);
    scratch_write_bytes(&s, "pae", pae.data, pae.size);
    assert_true(
        asprintf(&script,
                 "cd %s && openssl genpkey %s -out k.pem 2>/dev/null && openssl pkey -in k.pem -pubout "
                 "-outform DER -out k.der && openssl %s",
                 s.path, keygen, sign) > 0);
    scratch_run("sh", "-c", script, NULL);
    spki = scratch_read(&s, "k.der", &spki_size);
    sig = scratch_read(&s, "sig", &sig_size);
    assert_int_equal(dmv_key_new(scheme, spki, spki_size, &key, NULL), 0);
    keys[0] = key;
    dmv_text_appendf(
        &text,
        "{\"payloadType\":\"%s\",\"payload\":\"aGVsbG8=\",\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"", TYPE,
        dmv_key_id(key));
    dmv_base64_encode(sig, sig_size, &text);
    dmv_text_append(&text, "\"}]}");
    assert_int_equal(verify(text.data, keys, 1, 1), 0);
    memcpy(strstr(text.data, "aGVsbG8"), "aGVsbG9", 7);
    assert_int_equal(parse(text.data, 100, &(DmvEnvelope){0}), DMV_BAD_BASE64); /* stray bits */
    memcpy(strstr(text.data, "aGVsbG9"), "aGVsbGs", 7);
    assert_int_equal(verify(text.data, keys, 1, 1), DMV_BELOW_THRESHOLD);
}

static void test_openssl_signs(void **state)
{
    (void)state;
    check_openssl("ed25519", "-algorithm ed25519", "pkeyutl -sign -rawin -inkey k.pem -in pae -out sig");
    check_openssl("ecdsa-sha2-nistp256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
                  "dgst -sha256 -sign k.pem -out sig pae");
    check_openssl("ecdsa-sha2-nistp384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
                  "pkeyutl -sign -rawin -digest sha384 -inkey k.pem -in pae -out sig");
}

/* ---- keys ---- */

static int key_of(EVP_PKEY *pkey, const char *scheme)
{
    DMV_CLEANUP_KEY DmvKey *k = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    unsigned char *der = NULL;
    int n, r;

    assert_non_null(pkey);
    n = i2d_PUBKEY(pkey, &der);
    assert_true(n > 0);
    r = dmv_key_new(scheme, der, (size_t)n, &k, &e);
    assert_int_equal(e.code, r);
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
    return r;
}

static void test_schemes(void **state)
{
    EVP_PKEY *pkey;

    (void)state;
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "ed25519"), 0);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "ed448"), DMV_BAD_KEY);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), ""), DMV_BAD_KEY);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), "ed25519"), DMV_BAD_KEY);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), "ed25519"), DMV_BAD_KEY);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), "ed25519"), DMV_BAD_KEY);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), "ecdsa-sha2-nistp256"),
                     DMV_BAD_KEY);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "ecdsa-sha2-nistp256"), 0);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), "ecdsa-sha2-nistp256"),
                     DMV_BAD_KEY);
    assert_int_equal(key_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), "ecdsa-sha2-nistp256"),
                     DMV_BAD_KEY);
    /* the right curve, spelt out instead of named */
    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"), 1);
    assert_int_equal(key_of(pkey, "ecdsa-sha2-nistp256"), DMV_BAD_KEY);
}

static void test_spki_bytes(void **state)
{
    TRUST_KEY *k = trust_key_new("ed25519");
    unsigned char spki[128] = {0};
    DMV_CLEANUP_KEY DmvKey *key = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(dmv_base64_decode(trust_key_spki(k), strlen(trust_key_spki(k)), spki, &n), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(dmv_key_new("ed25519", spki, i, &key, NULL), DMV_BAD_KEY);
    assert_int_equal(dmv_key_new("ed25519", spki, n + 1, &key, NULL), DMV_BAD_KEY);
    assert_null(key);
    assert_int_equal(dmv_key_new("ed25519", spki, n, &key, NULL), 0);
}

static void test_signature_sizes(void **state)
{
    TRUST_KEY *k = trust_key_new("ed25519"), *ec = trust_key_new("ecdsa-sha2-nistp256");
    DMV_CLEANUP_KEY DmvKey *key = public_part(k), *ec_key = public_part(ec);
    unsigned char sig[256] = {0}, ec_sig[256] = {0};
    size_t n = trust_key_sign(k, "x", 1, sig), m = trust_key_sign(ec, "x", 1, ec_sig);

    (void)state;
    assert_int_equal(n, 64);
    assert_int_equal(dmv_key_verify(key, sig, 64, "x", 1), 1);
    assert_int_equal(dmv_key_verify(key, sig, 63, "x", 1), 0);
    assert_int_equal(dmv_key_verify(key, sig, 65, "x", 1), 0);
    assert_int_equal(dmv_key_verify(key, sig, 0, "x", 1), 0);
    assert_int_equal(dmv_key_verify(key, sig, 64, "y", 1), 0);
    assert_int_equal(dmv_key_verify(ec_key, ec_sig, m, "x", 1), 1);
    assert_int_equal(dmv_key_verify(ec_key, ec_sig, m + 1, "x", 1), 0);
    assert_int_equal(dmv_key_verify(ec_key, ec_sig, m - 1, "x", 1), 0);
    assert_int_equal(dmv_key_verify(ec_key, ec_sig, 0, "x", 1), 0);
    assert_int_equal(dmv_key_verify(ec_key, sig, 64, "x", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pae),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_foreign_signatures),
        cmocka_unit_test(test_too_many_signatures),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_encodings_count_once),
        cmocka_unit_test(test_type_is_signed),
        cmocka_unit_test(test_openssl_signs),
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_spki_bytes),
        cmocka_unit_test(test_signature_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
