/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "dmv/outcome.h"
#include "trust/base64.h"

/* Decodes from and into heap blocks of exactly the sizes. */
static int decode(const char *text, size_t size, unsigned char *ret, size_t *ret_size)
{
    DMV_CLEANUP_FREE char *exact = malloc(size ? size : 1);
    size_t room = dmv_base64_decoded_max(size), n = 0;
    DMV_CLEANUP_FREE unsigned char *out = malloc(room ? room : 1);
    int r;

    assert_true(exact && out);
    memcpy(exact, text, size);
    r = dmv_base64_decode(exact, size, out, &n);
    assert_true(r == 0 || r == DMV_BAD_BASE64);
    if (r == 0) {
        assert_true(n <= room);
        memcpy(ret, out, n);
        *ret_size = n;
    }
    return r;
}

/* RFC 4648 section 10 */
static void test_vectors(void **state)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(vectors); i++) {
        DMV_CLEANUP_TEXT DmvText t = {0};
        unsigned char out[16];
        size_t n = 99;

        dmv_base64_encode(vectors[i][0], strlen(vectors[i][0]), &t);
        assert_string_equal(t.data, vectors[i][1]);
        assert_int_equal(decode(vectors[i][1], strlen(vectors[i][1]), out, &n), 0);
        assert_int_equal(n, strlen(vectors[i][0]));
        assert_memory_equal(out, vectors[i][0], n);
    }
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "Z",     "Zg",        "Zg=",      "Zg===",   "====",     "=",           "Z===",
        "Zm9v=", "Zg==Zg==",  "Zm8=Zm8=", "Zh==",    "Zm9=",     "Zm9v\n",      " Zm9v",
        "Zm 9v", "Zm9v Zm9v", "Zm9-",     "Zm9_",    "Zm9v====", "Zm=v",        "Zm\n=",
        "Z=9v",  "=m9v",      "Zg=\x01",  "Zm9\xff", "Zm9.",     "Zm9vZm9\x80", "\xc3\xa9g==",
    };
    unsigned char out[16];
    size_t n;

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        if (decode(bad[i], strlen(bad[i]), out, &n) != DMV_BAD_BASE64)
            print_error("taken: %s\n", bad[i]);
        assert_int_equal(decode(bad[i], strlen(bad[i]), out, &n), DMV_BAD_BASE64);
    }
    for (n = 1; n < 12; n++) /* every letter is fine, only their number is not */
        if (n % 4 != 0) {
            size_t got = 0;

            assert_int_equal(decode("AAAAAAAAAAAA", n, out, &got), DMV_BAD_BASE64);
        }
    assert_int_equal(decode("Zm9\0", 4, out, &n), DMV_BAD_BASE64);
    assert_int_equal(decode("\0\0\0\0", 4, out, &n), DMV_BAD_BASE64);
}

/* OpenSSL is the oracle for what is canonical: text -> bytes -> text gives the same text, or it is refused.
 */
static void test_agrees_with_openssl(void **state)
{
    static const char letters[] = "AQgw/+=Zz09B";
    uint32_t seed = 99, n_good = 0;

    (void)state;
    for (size_t round = 0; round < 200000; round++) {
        char text[9] = "", again[16] = "";
        unsigned char out[8], theirs[8];
        size_t n = 0, size = 4 * (1 + round % 2);
        int m;

        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = letters[(seed >> 16) % (sizeof(letters) - 1)];
        }
        m = EVP_DecodeBlock(theirs, (const unsigned char *)text, (int)size);
        if (m >= 0)
            m -= (text[size - 1] == '=') + (text[size - 2] == '=');
        if (m >= 0)
            (void)EVP_EncodeBlock((unsigned char *)again, theirs, m);
        if (m < 0 || strcmp(again, text) != 0) {
            assert_int_equal(decode(text, size, out, &n), DMV_BAD_BASE64);
            continue;
        }
        n_good++;
        assert_int_equal(decode(text, size, out, &n), 0);
        assert_int_equal(n, m);
        assert_memory_equal(out, theirs, n);
    }
    assert_true(n_good > 10000);
}

static void test_encodes_large(void **state)
{
    (void)state;
    for (size_t size = 3065; size < 3080; size++) {
        DMV_CLEANUP_TEXT DmvText t = {0};
        unsigned char data[3080];
        char want[4200];

        for (size_t i = 0; i < size; i++)
            data[i] = (unsigned char)(i * 7 + size);
        (void)EVP_EncodeBlock((unsigned char *)want, data, (int)size);
        dmv_base64_encode(data, size, &t);
        assert_string_equal(t.data, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_agrees_with_openssl),
        cmocka_unit_test(test_encodes_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
