/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /proc/keys and lockdown as kernels write them, and what follows for a signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/module-policy.h"

#define CA "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1"
#define BUILD "2b8ee9bfd9e5b6b7d6a3c1e0f4958877deadbeef"

/* Columns as fs/proc of Linux 6.1 writes them. */
static const char keys_text[] =
    "026a7d10 I------     1 perm 1f030000     0     0 asymmetri Debian Secure Boot CA: " CA
    ": X509.rsa bb419ea1 []\n"
    "11939e6f I------     1 perm 1f030000     0     0 keyring   .dns_resolver: empty\n"
    "1a2b3c4d I------     1 perm 1f030000     0     0 asymmetri Site: Build: key: " BUILD
    ": X509.ec deadbeef []\n"
    "1d909201 I--Q---     1 perm 1f3f0000     0 65534 keyring   _uid_ses.0: 1\n"
    "1f61b5dd I------     1 perm 1f0b0000     0     0 keyring   .builtin_trusted_keys: 2\n"
    "20010ec1 I--Q---     2 perm 1f3f0000  1000 65534 asymmetri Mallory: 00ff: X509.rsa 000000ff []\n"
    "2211ee33 I------     1 perm 1f010000     0     0 blacklist "
    "bin:80b4d96931bf0d02fd91a61e19d14f1da452e66db2408ca8604d411f92659f0a\n"
    "32145988 I------     1 perm 0f0b0000     0     0 keyring   .blacklist: empty\n"
    "3fffffff I------     1 perm 1f0b0000     0     0 keyring   .platform: 1\n";

static void parse(const char *text, DmvKernelKeys *ret)
{
    assert_int_equal(dmv_kernel_keys_parse(text, strlen(text), ret), 0);
}

static void test_keys(void **state)
{
    DMV_CLEANUP(dmv_kernel_keys_deinit) DmvKernelKeys k = {0};

    (void)state;
    parse(keys_text, &k);
    assert_int_equal(k.n, 5);
    assert_int_equal(k.items[0].serial, 0x026a7d10);
    assert_string_equal(k.items[0].subject, "Debian Secure Boot CA");
    assert_string_equal(k.items[0].id, CA);
    assert_int_equal(k.items[0].ring, DMV_KEYRING_UNKNOWN);
    assert_string_equal(k.items[1].subject, "Site: Build: key");
    assert_string_equal(k.items[1].id, BUILD);
    assert_true(k.items[2].is_ring);
    assert_string_equal(dmv_keyring_to_string(k.items[2].ring), ".builtin_trusted_keys");
    assert_int_equal(k.items[3].ring, DMV_KEYRING_BLACKLIST);
    assert_int_equal(k.items[4].ring, DMV_KEYRING_PLATFORM);
    assert_false(k.rings_known);
}

static void test_keys_that_are_none(void **state)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "nonsense",
        "026a7d10 I------     1 perm 1f030000     0     0 asymmetri",
        "026a7d10 I------     1 perm 1f030000     0     0 asymmetri no id: X509.rsa bb419ea1 []\n",
        "026a7d10 I------     1 perm 1f030000     0     0 asymmetri CA: xyz: X509.rsa bb419ea1 []\n",
        "026a7d10 I------     1 perm 1f030000     0     0 asymmetri CA: : X509.rsa bb419ea1 []\n",
        "026a7d10 I------     1 perm 1f030000     0     0 asym CA: aa: X509.rsa bb419ea1 []\n",
        "1f61b5dd I------     1 perm 1f0b0000     0     0 keyring   .builtin_trusted: 2\n",
    };
    static const char odd[] = "a\0b\n1f61b5dd I 1 perm 1f0b0000 0 0 keyring .machine: 1";
    DMV_CLEANUP(dmv_kernel_keys_deinit) DmvKernelKeys k = {0};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(texts); i++) {
        parse(texts[i], &k);
        assert_int_equal(k.n, 0);
    }
    /* bytes that no kernel writes do not hide what follows */
    assert_int_equal(dmv_kernel_keys_parse(odd, sizeof(odd) - 1, &k), 0);
    assert_int_equal(k.n, 1);
    assert_int_equal(k.items[0].ring, DMV_KEYRING_MACHINE);
}

static void test_lockdown(void **state)
{
    (void)state;
    assert_int_equal(dmv_lockdown_parse("[none] integrity confidentiality\n"), DMV_LOCKDOWN_NONE);
    assert_int_equal(dmv_lockdown_parse("none [integrity] confidentiality\n"), DMV_LOCKDOWN_INTEGRITY);
    assert_int_equal(dmv_lockdown_parse("none integrity [confidentiality]"), DMV_LOCKDOWN_CONFIDENTIALITY);
    assert_int_equal(dmv_lockdown_parse("none integrity"), DMV_LOCKDOWN_UNKNOWN);
    assert_int_equal(dmv_lockdown_parse("[integrity"), DMV_LOCKDOWN_UNKNOWN);
    assert_int_equal(dmv_lockdown_parse("[int]"), DMV_LOCKDOWN_UNKNOWN);
    assert_null(dmv_lockdown_to_string(DMV_LOCKDOWN_UNKNOWN));
    assert_string_equal(dmv_lockdown_to_string(DMV_LOCKDOWN_INTEGRITY), "integrity");
}

static void judge(const DmvModulePolicy *p, int code, const char *signer, const char *name, const char *key,
                  DmvKernelWord want)
{
    const DmvSignature s = {.code = code, .signer = (char *)signer, .name = (char *)name, .key = (char *)key};
    const char *why = NULL;

    assert_string_equal(dmv_kernel_word_to_string(dmv_module_policy_judge(p, &s, &why)),
                        dmv_kernel_word_to_string(want));
    assert_non_null(why);
}

static void test_without_keys(void **state)
{
    DmvModulePolicy p = {0};

    (void)state;
    judge(&p, DMV_MODULE_UNSIGNED, NULL, NULL, NULL, DMV_KERNEL_CANNOT_TELL); /* nothing runs */
    p.known = true;
    judge(&p, DMV_MODULE_UNSIGNED, NULL, NULL, NULL, DMV_KERNEL_LOADS); /* CONFIG_MODULE_SIG=n */
    p.checks = true;
    judge(&p, DMV_MODULE_UNSIGNED, NULL, NULL, NULL, DMV_KERNEL_TAINTS);
    judge(&p, DMV_MODULE_BAD_FOOTER, NULL, NULL, NULL, DMV_KERNEL_REFUSES);
    judge(&p, DMV_MODULE_BAD_CMS, NULL, NULL, NULL, DMV_KERNEL_CANNOT_TELL);
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, "x", "1", DMV_KERNEL_CANNOT_TELL);
    p.sig_enforce = true;
    assert_true(dmv_module_policy_enforces(&p));
    judge(&p, DMV_MODULE_UNSIGNED, NULL, NULL, NULL, DMV_KERNEL_REFUSES);
    p.sig_enforce = false;
    p.lockdown = DMV_LOCKDOWN_NONE;
    assert_false(dmv_module_policy_enforces(&p));
    p.lockdown = DMV_LOCKDOWN_INTEGRITY;
    judge(&p, DMV_MODULE_UNSIGNED, NULL, NULL, NULL, DMV_KERNEL_REFUSES);
    p.lockdown = DMV_LOCKDOWN_CONFIDENTIALITY;
    judge(&p, DMV_MODULE_UNSIGNED, NULL, NULL, NULL, DMV_KERNEL_REFUSES);
}

static void test_keyrings(void **state)
{
    DmvKernelKey keys[] = {
        {.subject = (char *)"Debian: Build", .id = (char *)BUILD, .ring = DMV_KEYRING_BUILTIN},
        {.subject = (char *)"Vendor", .id = (char *)CA, .ring = DMV_KEYRING_PLATFORM},
    };
    DmvModulePolicy p = {.known = true,
                         .checks = true,
                         .sig_enforce = true,
                         .keys = {.items = keys, .n = 2, .rings_known = true}};

    (void)state;
    /* by subject key id: of a certificate that we have, or as the signature names it */
    judge(&p, 0, BUILD, "whoever", "17", DMV_KERNEL_LOADS);
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, NULL, BUILD, DMV_KERNEL_LOADS);
    /* by name, where the signature names a serial number */
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, "Build", "17", DMV_KERNEL_LOADS);
    /* a certificate that we have is never compared by name */
    judge(&p, 0, "00", "Build", "17", DMV_KERNEL_REFUSES);
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, "Stranger", "17", DMV_KERNEL_REFUSES);
    judge(&p, DMV_MODULE_BAD_SIGNATURE, NULL, NULL, BUILD, DMV_KERNEL_REFUSES);
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, NULL, CA, DMV_KERNEL_CANNOT_TELL);
    keys[1].ring = DMV_KEYRING_UNKNOWN;
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, NULL, CA, DMV_KERNEL_CANNOT_TELL);
    keys[1].ring = DMV_KEYRING_SECONDARY;
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, NULL, CA, DMV_KERNEL_LOADS);
    keys[1].ring = DMV_KEYRING_MACHINE;
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, NULL, CA, DMV_KERNEL_LOADS);
    p.sig_enforce = false;
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, "Stranger", "17", DMV_KERNEL_TAINTS);
    /* a bad signature of a key that the kernel has is refused by every kernel */
    judge(&p, DMV_MODULE_BAD_SIGNATURE, NULL, NULL, BUILD, DMV_KERNEL_REFUSES);
}

static void test_blacklist(void **state)
{
    DmvKernelKey keys[] = {
        {.subject = (char *)"Build", .id = (char *)BUILD, .ring = DMV_KEYRING_BUILTIN},
        {.subject = (char *)"Build", .id = (char *)BUILD, .ring = DMV_KEYRING_BLACKLIST},
    };
    const DmvModulePolicy p = {
        .known = true, .checks = true, .keys = {.items = keys, .n = 2, .rings_known = true}};

    (void)state;
    judge(&p, 0, BUILD, NULL, NULL, DMV_KERNEL_REFUSES); /* also where nothing is enforced */
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, NULL, BUILD, DMV_KERNEL_REFUSES);
    /* a name alone bars nobody */
    judge(&p, DMV_MODULE_UNKNOWN_SIGNER, NULL, "Build", "17", DMV_KERNEL_LOADS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),     cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_lockdown), cmocka_unit_test(test_without_keys),
        cmocka_unit_test(test_keyrings), cmocka_unit_test(test_blacklist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
