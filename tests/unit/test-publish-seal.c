/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Envelopes: DSSE's own test vector, base64 in exactly one spelling, signatures that OpenSSL verifies on its
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "cli/publish/seal.h"

static void test_pae_of_the_specification(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    (void)state;
    dmv_seal_pae("http://example.com/HelloWorld", "hello world", 11, &t);
    assert_string_equal(t.data, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

static void test_pae_counts_bytes(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    (void)state;
    dmv_seal_pae("t", "a\0b", 3, &t);
    assert_int_equal(t.size, strlen("DSSEv1 1 t 3 ") + 3);
    assert_memory_equal(t.data, "DSSEv1 1 t 3 a\0b", t.size);
}

static void test_base64(void **state)
{
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *text = NULL, *plain = NULL;
        size_t size = 99;

        assert_int_equal(dmv_seal_base64(cases[i].plain, strlen(cases[i].plain), &text), 0);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(dmv_seal_unbase64(text, &plain, &size), 0);
        assert_int_equal(size, strlen(cases[i].plain));
        assert_string_equal(plain, cases[i].plain);
    }
}

static void test_base64_refuses_other_spellings(void **state)
{
    static const char *const bad[] = {"Zg",    "Zg=",  "Zh==", "Zm9v ",   " Zm9v",
                                      "Zm9\n", "Zm-v", "====", "Zg==Zg=="};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        DMV_CLEANUP_FREE char *plain = NULL;
        size_t size = 0;

        assert_int_equal(dmv_seal_unbase64(bad[i], &plain, &size), DMV_BAD_BASE64);
        assert_null(plain);
    }
}

/* Is the n-th signature good, by the public key that the key itself gives away? */
static bool signature_holds(json_object *envelope, size_t n, const DmvSignkey *k, const EVP_MD *md,
                            const char *payload)
{
    DMV_CLEANUP_TEXT DmvText pae = {0};
    DMV_CLEANUP_FREE char *sig = NULL;
    json_object *signatures = NULL, *id = NULL, *text = NULL;
    const unsigned char *spki = k->spki;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &spki, (long)k->spki_size);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t size = 0;
    bool ok;

    json_object_object_get_ex(envelope, "signatures", &signatures);
    json_object_object_get_ex(json_object_array_get_idx(signatures, n), "keyid", &id);
    json_object_object_get_ex(json_object_array_get_idx(signatures, n), "sig", &text);
    assert_string_equal(json_object_get_string(id), k->id);
    assert_int_equal(dmv_seal_unbase64(json_object_get_string(text), &sig, &size), 0);
    dmv_seal_pae("type", payload, strlen(payload), &pae);
    ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, public) == 1 &&
         EVP_DigestVerify(ctx, (unsigned char *)sig, size, (unsigned char *)pae.data, pae.size) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(public);
    return ok;
}

static void test_every_scheme_signs(void **state)
{
    static const char *const schemes[] = {"ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"};
    const EVP_MD *const digests[] = {NULL, EVP_sha256(), EVP_sha384()};
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0};
    DMV_CLEANUP_JSON json_object *envelope = NULL;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(schemes); i++)
        assert_int_equal(dmv_signkey_generate(schemes[i], &keys, NULL), 0);
    assert_int_equal(dmv_seal("type", "payload", 7, &keys, NULL, &envelope, &n), 0);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < DMV_N_ELEMENTS(schemes); i++) {
        assert_string_equal(keys.items[i].scheme, schemes[i]);
        assert_true(signature_holds(envelope, i, &keys.items[i], digests[i], "payload"));
        assert_false(signature_holds(envelope, i, &keys.items[i], digests[i], "Payload"));
    }
}

static void test_only_wanted_keys_sign(void **state)
{
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0};
    DMV_CLEANUP_JSON json_object *envelope = NULL;
    DMV_CLEANUP_STRV char **wanted = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(dmv_signkey_generate("ed25519", &keys, NULL), 0);
    assert_int_equal(dmv_signkey_generate("ed25519", &keys, NULL), 0);
    assert_int_equal(dmv_strv_push(&wanted, keys.items[1].id), 0);
    assert_int_equal(dmv_seal("type", "p", 1, &keys, wanted, &envelope, &n), 0);
    assert_int_equal(n, 1);
    assert_true(signature_holds(envelope, 0, &keys.items[1], NULL, "p"));
}

static void test_unknown_scheme(void **state)
{
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    assert_int_equal(dmv_signkey_generate("rsa", &keys, &e), DMV_INVALID_REQUEST);
    assert_int_equal(keys.n, 0);
    assert_non_null(strstr(e.why, "rsa"));
}

static void test_keys_survive_their_file(void **state)
{
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0}, again = {0};
    DMV_CLEANUP_FREE char *pem = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(dmv_signkey_generate("ecdsa-sha2-nistp256", &keys, NULL), 0);
    assert_int_equal(dmv_signkey_to_pem(&keys.items[0], &pem, &size), 0);
    assert_int_equal(dmv_signkey_from_pem(pem, size, &again, NULL), 0);
    assert_string_equal(again.items[0].id, keys.items[0].id);
    /* the same key twice is one key */
    assert_int_equal(dmv_signkey_from_pem(pem, size, &again, NULL), 0);
    assert_int_equal(again.n, 1);
    assert_int_equal(dmv_signkey_from_pem(pem, size / 2, &again, NULL), DMV_BAD_KEY);
    assert_int_equal(dmv_signkey_from_pem("", 0, &again, NULL), DMV_BAD_KEY);
}

static void test_unseal(void **state)
{
    DMV_CLEANUP_SIGNKEYS DmvSignkeys keys = {0};
    DMV_CLEANUP_JSON json_object *envelope = NULL;
    DMV_CLEANUP_FREE char *payload = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    size_t size = 0;

    (void)state;
    assert_int_equal(dmv_seal("a", "payload", 7, &keys, NULL, &envelope, NULL), 0);
    assert_int_equal(dmv_unseal(envelope, "b", &payload, &size, &e), DMV_WRONG_TYPE);
    assert_int_equal(dmv_unseal(envelope, "a", &payload, &size, &e), 0);
    assert_string_equal(payload, "payload");
    json_object_object_add(envelope, "payload", json_object_new_string("Zh=="));
    assert_int_equal(dmv_unseal(envelope, "a", &payload, &size, &e), DMV_BAD_BASE64);
    json_object_object_del(envelope, "payload");
    assert_int_equal(dmv_unseal(envelope, "a", &payload, &size, &e), DMV_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pae_of_the_specification),
        cmocka_unit_test(test_pae_counts_bytes),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_refuses_other_spellings),
        cmocka_unit_test(test_every_scheme_signs),
        cmocka_unit_test(test_only_wanted_keys_sign),
        cmocka_unit_test(test_unknown_scheme),
        cmocka_unit_test(test_keys_survive_their_file),
        cmocka_unit_test(test_unseal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
