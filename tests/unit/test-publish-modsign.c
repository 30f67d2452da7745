/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signed modules, judged by the verifier that hosts use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/publish/modsign.h"
#include "trust/modsig.h"

#define NOW INT64_C(1790000000)

static const char module[] = "\177ELF and the rest of a module";

static DmvModcert cert; /* one for all tests: a key takes a second */

static int make_certificate(void **state)
{
    (void)state;
    return dmv_modcert_generate("dmv test (modules)", NOW, &cert);
}

static int drop_certificate(void **state)
{
    (void)state;
    dmv_modcert_deinit(&cert);
    return 0;
}

static int verify(const void *data, size_t size, const char *want)
{
    DMV_CLEANUP(dmv_cleanup_certificates) DmvCertificates *c = NULL;
    DMV_CLEANUP_FREE char *signer = NULL;
    int r;

    assert_int_equal(dmv_certificates_new(&c), 0);
    assert_int_equal(dmv_certificates_add(c, cert.der, cert.der_size, NULL), 0);
    r = dmv_modsig_verify(data, size, c, want, &signer, NULL);
    if (r == 0)
        assert_string_equal(signer, cert.skid);
    return r;
}

static void test_signed_module_is_trusted(void **state)
{
    DMV_CLEANUP_FREE void *sealed = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(dmv_modsign(module, sizeof(module), cert.pem, cert.pem_size, &sealed, &size, NULL), 0);
    assert_memory_equal(sealed, module, sizeof(module));
    assert_int_equal(verify(sealed, size, NULL), 0);
    assert_int_equal(verify(sealed, size, cert.skid), 0);
    ((char *)sealed)[3] ^= 1;
    assert_int_equal(verify(sealed, size, NULL), DMV_MODULE_BAD_SIGNATURE);
}

static void test_old_signature_is_taken_off(void **state)
{
    DMV_CLEANUP_FREE void *once = NULL, *twice = NULL;
    size_t size = 0, size_twice = 0;

    (void)state;
    assert_int_equal(dmv_modsign(module, sizeof(module), cert.pem, cert.pem_size, &once, &size, NULL), 0);
    assert_int_equal(dmv_modsign_unsigned_size(once, size), sizeof(module));
    assert_int_equal(dmv_modsign(once, size, cert.pem, cert.pem_size, &twice, &size_twice, NULL), 0);
    /* PKCS #1 signatures are a function of key and bytes: the same module gives the same file */
    assert_int_equal(size_twice, size);
    assert_memory_equal(twice, once, size);
}

static void test_unsigned_size_of_nonsense(void **state)
{
    static const char footer[] = "\0\0\2\0\0\0\0\0\377\377\377\377~Module signature appended~\n";

    (void)state;
    assert_int_equal(dmv_modsign_unsigned_size("", 0), 0);
    assert_int_equal(dmv_modsign_unsigned_size(module, sizeof(module)), sizeof(module));
    /* a length beyond the file is no signature of ours to take off */
    assert_int_equal(dmv_modsign_unsigned_size(footer, sizeof(footer) - 1), sizeof(footer) - 1);
}

static void test_key_file_has_to_be_whole(void **state)
{
    DMV_CLEANUP_FREE void *sealed = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    const char *certificate = strstr(cert.pem, "-----BEGIN CERTIFICATE");
    size_t size = 0;

    (void)state;
    assert_non_null(certificate);
    assert_int_equal(dmv_modsign("x", 1, certificate, strlen(certificate), &sealed, &size, &e), DMV_BAD_KEY);
    assert_int_equal(dmv_modsign("x", 1, cert.pem, (size_t)(certificate - cert.pem), &sealed, &size, &e),
                     DMV_BAD_KEY);
    assert_int_equal(dmv_modsign("x", 1, "", 0, &sealed, &size, &e), DMV_BAD_KEY);
    assert_null(sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_module_is_trusted),
        cmocka_unit_test(test_old_signature_is_taken_off),
        cmocka_unit_test(test_unsigned_size_of_nonsense),
        cmocka_unit_test(test_key_file_has_to_be_whole),
    };

    return cmocka_run_group_tests(tests, make_certificate, drop_certificate);
}
