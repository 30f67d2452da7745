/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of exported symbols, the rule of vermagic, and the check of a module against a kernel. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/kabi.h"

#define CLEANUP_REPORT DMV_CLEANUP(dmv_kabi_report_deinit)
#define FLAGS " SMP preempt mod_unload modversions "

static DmvSymbol needs_all[] = {{"module_layout", 1}, {"_printk", 2}, {"ice_helper", 3}};

static DmvModuleSymbols module_of(DmvSymbol *needs, size_t n)
{
    return (DmvModuleSymbols){.vermagic = "6.1.0-a" FLAGS, .versioned = true, .needs = needs, .n_needs = n};
}

static DmvKabi *kernel_of(bool complete)
{
    DmvKabi *k = NULL;

    assert_int_equal(dmv_kabi_new(&k), 0);
    assert_int_equal(dmv_kabi_set_vermagic(k, "6.1.0-b" FLAGS), 0);
    assert_int_equal(dmv_kabi_add(k, "module_layout", 13, 1, DMV_KABI_EXPORT, "vmlinux"), 0);
    assert_int_equal(dmv_kabi_add(k, "_printk", 7, 2, DMV_KABI_EXPORT, "vmlinux"), 0);
    dmv_kabi_set_complete(k, complete);
    return k;
}

static void test_table(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(true);
    const char *provider = NULL;
    uint32_t crc = 0;

    (void)state;
    assert_int_equal(dmv_kabi_size(k), 2);
    assert_true(dmv_kabi_find(k, "_printk", &crc, &provider));
    assert_int_equal(crc, 2);
    assert_string_equal(provider, "vmlinux");
    assert_false(dmv_kabi_find(k, "_print", NULL, NULL));
    assert_false(dmv_kabi_find(k, "", NULL, NULL));
    assert_int_equal(dmv_kabi_add(k, "_printk", 7, 2, DMV_KABI_EXPORT, "other"), 0);
    assert_true(dmv_kabi_find(k, "_printk", NULL, &provider));
    assert_string_equal(provider, "vmlinux");
    assert_int_equal(dmv_kabi_size(k), 2);
    assert_true(dmv_kabi_is_complete(k));
    assert_int_equal(dmv_kabi_set_vermagic(k, NULL), 0);
    assert_null(dmv_kabi_vermagic(k));
}

/* It lives as long as its last owner. */
static void test_owners(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *second = NULL;
    DmvKabi *first = kernel_of(true);

    (void)state;
    second = dmv_kabi_ref(first);
    assert_null(dmv_kabi_free(first));
    assert_true(dmv_kabi_find(second, "_printk", NULL, NULL));
}

static void test_many(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    char name[32];
    uint32_t crc = 0;

    (void)state;
    assert_int_equal(dmv_kabi_new(&k), 0);
    for (uint32_t i = 0; i < 50000; i++) {
        int n = snprintf(name, sizeof(name), "symbol_%u", i);

        assert_int_equal(dmv_kabi_add(k, name, (size_t)n, i * 7, DMV_KABI_EXPORT, NULL), 0);
    }
    assert_int_equal(dmv_kabi_size(k), 50000);
    for (uint32_t i = 0; i < 50000; i += 7) {
        (void)snprintf(name, sizeof(name), "symbol_%u", i);
        assert_true(dmv_kabi_find(k, name, &crc, NULL));
        assert_int_equal(crc, i * 7);
    }
}

static void test_names(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = NULL;
    char longest[DMV_SYMBOL_NAME_MAX + 1];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(dmv_kabi_new(&k), 0);
    assert_int_equal(dmv_kabi_add(k, "a b", 3, 1, DMV_KABI_EXPORT, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_kabi_add(k, "a\0b", 3, 1, DMV_KABI_EXPORT, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_kabi_add(k, "\x1b[2J", 4, 1, DMV_KABI_EXPORT, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_kabi_add(k, "\xc3\xa4", 2, 1, DMV_KABI_EXPORT, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_kabi_add(k, "", 0, 1, DMV_KABI_EXPORT, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_kabi_add(k, longest, sizeof(longest), 1, DMV_KABI_EXPORT, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_kabi_size(k), 0);
    assert_int_equal(dmv_kabi_add(k, longest, sizeof(longest) - 1, 1, DMV_KABI_EXPORT, NULL), 0);
    assert_int_equal(dmv_kabi_add(k, "_RNvNtCs3o_4core3fmt", 20, 1, DMV_KABI_EXPORT, NULL), 0);
}

static void test_vermagic(void **state)
{
    static const struct {
        const char *module, *kernel;
        bool versioned, fits;
    } cases[] = {
        {"6.1.0-a" FLAGS, "6.1.0-a" FLAGS, true, true},
        {"6.1.0-a" FLAGS, "6.1.0-b" FLAGS, true, true},
        /* without versions of its own every byte counts */
        {"6.1.0-a" FLAGS, "6.1.0-a" FLAGS, false, true},
        {"6.1.0-a" FLAGS, "6.1.0-b" FLAGS, false, false},
        /* a kernel that does not look at versions */
        {"6.1.0-a SMP mod_unload ", "6.1.0-b SMP mod_unload ", true, false},
        {"6.1.0-a SMP mod_unload ", "6.1.0-a SMP mod_unload ", true, true},
        /* flags */
        {"6.1.0-a SMP mod_unload modversions ", "6.1.0-b" FLAGS, true, false},
        {"6.1.0-a SMP preempt mod_unload ", "6.1.0-a" FLAGS, true, false},
        {"6.1.0-a SMP preempt mod_unload modversions", "6.1.0-b" FLAGS, true, false},
        {"6.1.0-a SMP preempt mod_unload modversions RANDSTRUCT_PLUGIN_x ", "6.1.0-b" FLAGS, true, false},
        /* it is a word, not a piece of one */
        {"1 nomodversions ", "2 nomodversions ", true, false},
        {"1 modversions", "2 modversions", true, true},
        {"modversions", "modversions", true, true},
        {"", "6.1.0-b" FLAGS, true, false},
        {NULL, "6.1.0-b" FLAGS, true, false},
        {"6.1.0-a" FLAGS, NULL, true, false},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        if (dmv_vermagic_fits(cases[i].module, cases[i].kernel, cases[i].versioned) != cases[i].fits)
            fail_msg("'%s' in '%s'", cases[i].module, cases[i].kernel);
    assert_false(dmv_vermagic_has_modversions(NULL));
    assert_false(dmv_vermagic_has_modversions(""));
}

static void test_fits(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(true);
    DmvModuleSymbols m = module_of(needs_all, 2);
    CLEANUP_REPORT DmvKabiReport report = {0};

    (void)state;
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, NULL), 0);
    assert_int_equal(report.n_findings, 0);
    assert_int_equal(report.n_relies, 0);
}

static void test_missing(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *complete = kernel_of(true), *some = kernel_of(false);
    DmvModuleSymbols m = module_of(needs_all, 3);
    CLEANUP_REPORT DmvKabiReport report = {0}, unknown = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    assert_int_equal(dmv_kabi_check(&m, NULL, complete, &report, &e), DMV_MODULE_MISSING_SYMBOL);
    assert_string_equal(dmv_outcome_reason(e.code), "module-missing-symbol");
    assert_non_null(strstr(e.why, "ice_helper"));
    assert_int_equal(report.n_findings, 1);
    assert_string_equal(report.findings[0].symbol, "ice_helper");
    assert_int_equal(report.findings[0].wants, 3);
    /* a table that is not complete does not know */
    assert_int_equal(dmv_kabi_check(&m, NULL, some, &unknown, &e), DMV_KERNEL_ABI_UNKNOWN);
    assert_string_equal(dmv_outcome_reason(e.code), "kernel-abi-unknown");
    assert_int_equal(unknown.findings[0].outcome, DMV_KERNEL_ABI_UNKNOWN);
}

static void test_other_crc(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(true);
    DmvSymbol needs[] = {{"nowhere", 9}, {"_printk", 0x1234}, {"module_layout", 0x5678}};
    DmvModuleSymbols m = module_of(needs, 3);
    CLEANUP_REPORT DmvKabiReport report = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, &e), DMV_MODULE_OTHER_SYMBOL);
    assert_string_equal(dmv_outcome_reason(e.code), "module-other-symbol");
    assert_string_equal(e.why, "it needs version 0x00001234 of _printk, and there it is 0x00000002");
    /* all of them are named */
    assert_int_equal(report.n_findings, 3);
    assert_int_equal(report.findings[0].outcome, DMV_MODULE_MISSING_SYMBOL);
    assert_int_equal(report.findings[2].has, 1);
    assert_string_equal(report.findings[2].provider, "vmlinux");
}

static void test_vermagic_first(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(true);
    DmvModuleSymbols m = module_of(needs_all, 2), unversioned = m;
    CLEANUP_REPORT DmvKabiReport report = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)state;
    m.vermagic = "6.1.0-a SMP mod_unload modversions ";
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, &e), DMV_MODULE_WRONG_VERMAGIC);
    assert_non_null(strstr(e.why, m.vermagic));
    m.vermagic = NULL;
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, &e), DMV_MODULE_WRONG_VERMAGIC);
    /* the very kernel, but no versions where the kernel asks for them */
    unversioned.versioned = false;
    assert_int_equal(dmv_kabi_check(&unversioned, NULL, k, &report, &e), DMV_MODULE_WRONG_VERMAGIC);
    unversioned.vermagic = dmv_kabi_vermagic(k);
    assert_int_equal(dmv_kabi_check(&unversioned, NULL, k, &report, &e), DMV_KERNEL_ABI_UNKNOWN);
    assert_int_equal(dmv_kabi_set_vermagic(k, NULL), 0);
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, &e), DMV_KERNEL_ABI_UNKNOWN);
}

/* A kernel without modversions looks at its vermagic and at nothing else. */
static void test_without_modversions(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(true);
    DmvModuleSymbols m = module_of(needs_all, 3);
    CLEANUP_REPORT DmvKabiReport report = {0};

    (void)state;
    m.vermagic = "6.1.0-b SMP mod_unload ";
    assert_int_equal(dmv_kabi_set_vermagic(k, m.vermagic), 0);
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, NULL), 0);
    m.vermagic = "6.1.0-a SMP mod_unload ";
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, NULL), DMV_MODULE_WRONG_VERMAGIC);
}

/* Modules of one release export symbols to one another; what they say counts before what the kernel's own
 * modules of the same names export. */
static void test_own(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(true), *own = NULL;
    DmvSymbol exports[] = {{"ice_helper", 3}};
    DmvModuleSymbols m = module_of(needs_all, 3), sibling = {.exports = exports, .n_exports = 1};
    CLEANUP_REPORT DmvKabiReport report = {0}, other = {0};

    (void)state;
    assert_int_equal(dmv_kabi_add(k, "ice_helper", 10, 77, DMV_KABI_EXPORT, "ice"), 0);
    assert_int_equal(dmv_kabi_new(&own), 0);
    assert_int_equal(dmv_kabi_check(&m, own, k, &report, NULL), DMV_MODULE_OTHER_SYMBOL);
    assert_int_equal(dmv_kabi_add_exports(own, &sibling, DMV_KABI_FOREIGN, "ice"), 0);
    assert_int_equal(dmv_kabi_check(&m, own, k, &other, NULL), 0);
    assert_int_equal(other.n_relies, 0);
}

static void test_witnesses(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(false);
    DmvSymbol needs[] = {{"ice_helper", 3}, {"_printk", 99}};
    DmvModuleSymbols user = module_of(needs, 2), m = module_of(needs_all, 3), stale = module_of(&needs[1], 1);
    CLEANUP_REPORT DmvKabiReport report = {0}, other = {0};

    (void)state;
    assert_int_equal(dmv_kabi_add_witness(k, &user, "user"), 0);
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, NULL), 0);
    /* nobody vouches against an export */
    assert_int_equal(dmv_kabi_check(&stale, NULL, k, &other, NULL), DMV_MODULE_OTHER_SYMBOL);
    assert_int_equal(other.findings[0].has, 2);
}

static void test_foreign(void **state)
{
    DMV_CLEANUP_KABI DmvKabi *k = kernel_of(true);
    DmvModuleSymbols m = module_of(needs_all, 3);
    CLEANUP_REPORT DmvKabiReport report = {0};
    const char *provider = NULL;

    (void)state;
    assert_int_equal(dmv_kabi_add(k, "ice_helper", 10, 77, DMV_KABI_FOREIGN, "old"), 0);
    assert_int_equal(dmv_kabi_add(k, "ice_helper", 10, 3, DMV_KABI_FOREIGN, "aux"), 0);
    assert_int_equal(dmv_kabi_add(k, "_printk", 7, 2, DMV_KABI_FOREIGN, "odd"), 0);
    assert_int_equal(dmv_kabi_check(&m, NULL, k, &report, NULL), 0);
    assert_int_equal(report.n_relies, 1);
    assert_string_equal(report.relies[0], "aux");
    assert_true(dmv_kabi_find(k, "_printk", NULL, &provider));
    assert_string_equal(provider, "vmlinux");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_vermagic),
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_other_crc),
        cmocka_unit_test(test_vermagic_first),
        cmocka_unit_test(test_without_modversions),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_witnesses),
        cmocka_unit_test(test_foreign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
