/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

/* FIPS 180-2, appendix B, and the empty message. */
static const struct {
    const char *message, *hash;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char hex[DMV_SHA256_HEX];

        assert_int_equal(dmv_sha256_hex(vectors[i].message, strlen(vectors[i].message), hex), 0);
        assert_string_equal(hex, vectors[i].hash);
    }
}

/* Wherever the bytes are split, the hash is the same. */
static void test_pieces(void **state)
{
    const char *message = vectors[2].message;
    size_t size = strlen(message);

    (void)state;
    for (size_t cut = 0; cut <= size; cut++) {
        DmvHash *h = NULL;
        char hex[DMV_SHA256_HEX];

        assert_int_equal(dmv_hash_new(&h), 0);
        assert_int_equal(dmv_hash_update(h, message, cut), 0);
        assert_int_equal(dmv_hash_update(h, message + cut, size - cut), 0);
        assert_int_equal(dmv_hash_final(h, hex), 0);
        assert_string_equal(hex, vectors[2].hash);
        assert_null(dmv_hash_free(h));
    }
}

static void test_free_unfinished(void **state)
{
    DmvHash *h = NULL;

    (void)state;
    assert_null(dmv_hash_free(NULL));
    assert_int_equal(dmv_hash_new(&h), 0);
    assert_null(dmv_hash_free(h)); /* unfinished */
}

static int setup(void **state)
{
    (void)state;
    dmv_crypto_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_free_unfinished),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
