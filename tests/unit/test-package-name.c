/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every rule of the policy on names of packages, what is no such name, and what follows from a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "model/package-name.h"

#define CLEANUP_NAME DMV_CLEANUP(dmv_package_name_deinit)

typedef struct Case {
    const char *package;
    DmvPackageForm form;
    DmvTier tier; /* by the name alone */
    const char *name, *vendor, *kernel, *alternate_kernel, *overrides;
    const char *module; /* that it is of, or NULL */
} Case;

static const Case cases[] = {
    /* vendors' */
    {"broadcom-bnxt-en", DMV_PACKAGE_VENDOR, DMV_TIER_SUPPORTED, .name = "bnxt-en", .vendor = "broadcom",
     .module = "bnxt_en"},
    {"intel-ice", DMV_PACKAGE_VENDOR, DMV_TIER_SUPPORTED, .name = "ice", .vendor = "intel", .module = "ice"},
    {"microsemi-smartpqi", DMV_PACKAGE_VENDOR, DMV_TIER_SUPPORTED, .name = "smartpqi", .vendor = "microsemi",
     .module = "smartpqi"},
    {"avago-megaraid-sas", DMV_PACKAGE_VENDOR, DMV_TIER_SUPPORTED, .name = "megaraid-sas", .vendor = "avago",
     .module = "megaraid_sas"},
    {"qlogic-netxtreme2", DMV_PACKAGE_VENDOR, DMV_TIER_SUPPORTED, .name = "netxtreme2",
     .vendor = "qlogic"}, /* a device */
    {"qlogic-fastlinq", DMV_PACKAGE_VENDOR, DMV_TIER_SUPPORTED, .name = "fastlinq", .vendor = "qlogic"},
    /* common */
    {"ceph-module", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "ceph", .module = "ceph"},
    {"tn40xx-module", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "tn40xx", .module = "tn40xx"},
    {"snd_hda-intel-module", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "snd_hda-intel",
     .module = "snd-hda_intel"},
    {"intel-igc-module", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "intel-igc", .module = "intel_igc"},
    {"foo-module-module", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "foo-module",
     .module = "foo_module"},
    {"media-modules", DMV_PACKAGE_MODULES, DMV_TIER_ADDITIONAL, .name = "media"},
    {"alt-module", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "alt", .module = "alt"},
    /* third parties' */
    {"kmod-zfs-4.19.0+1", DMV_PACKAGE_KMOD, DMV_TIER_ADDITIONAL, .name = "zfs", .kernel = "4.19.0+1",
     .module = "zfs"},
    {"kmod-zfs-4.4.0+10", DMV_PACKAGE_KMOD, DMV_TIER_ADDITIONAL, .name = "zfs", .kernel = "4.4.0+10",
     .module = "zfs"},
    {"kmod-a_b-c-6.1.0-56-amd64", DMV_PACKAGE_KMOD, DMV_TIER_ADDITIONAL, .name = "a_b-c",
     .kernel = "6.1.0-56-amd64", .module = "a-b_c"},
    {"kmod-mlx5-2-5.14.0-427.el9.x86_64", DMV_PACKAGE_KMOD, DMV_TIER_ADDITIONAL, .name = "mlx5-2",
     .kernel = "5.14.0-427.el9.x86_64", .module = "mlx5_2"},
    {"kmod-drbd9-4.19", DMV_PACKAGE_KMOD, DMV_TIER_ADDITIONAL, .name = "drbd9", .kernel = "4.19",
     .module = "drbd9"},
    /* alternate */
    {"broadcom-bnxt-en-alt", DMV_PACKAGE_VENDOR, DMV_TIER_ALTERNATE, .name = "bnxt-en", .vendor = "broadcom",
     .overrides = "broadcom-bnxt-en", .module = "bnxt_en"},
    {"qlogic-netxtreme2-alt", DMV_PACKAGE_VENDOR, DMV_TIER_ALTERNATE, .name = "netxtreme2",
     .vendor = "qlogic", .overrides = "qlogic-netxtreme2"},
    {"ceph-module-alt", DMV_PACKAGE_MODULE, DMV_TIER_ALTERNATE, .name = "ceph", .overrides = "ceph-module",
     .module = "ceph"},
    {"media-modules-alt", DMV_PACKAGE_MODULES, DMV_TIER_ALTERNATE, .name = "media",
     .overrides = "media-modules"},
    {"kmod-zfs-4.19.0+1-alt", DMV_PACKAGE_KMOD, DMV_TIER_ALTERNATE, .name = "zfs", .kernel = "4.19.0+1",
     .overrides = "kmod-zfs-4.19.0+1", .module = "zfs"},
    /* for an alternate kernel */
    {"broadcom-bnxt-en-kernel4.19", DMV_PACKAGE_VENDOR, DMV_TIER_SUPPORTED, .name = "bnxt-en",
     .vendor = "broadcom", .alternate_kernel = "4.19", .module = "bnxt_en"},
    {"ceph-module-kernel4.19", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "ceph",
     .alternate_kernel = "4.19", .module = "ceph"},
    {"media-modules-kernel6.0", DMV_PACKAGE_MODULES, DMV_TIER_ADDITIONAL, .name = "media",
     .alternate_kernel = "6.0"},
    {"kmod-zfs-4.19.154-kernel4.19", DMV_PACKAGE_KMOD, DMV_TIER_ADDITIONAL, .name = "zfs",
     .kernel = "4.19.154", .alternate_kernel = "4.19", .module = "zfs"},
    {"my-kernel-module", DMV_PACKAGE_MODULE, DMV_TIER_ADDITIONAL, .name = "my-kernel", .module = "my_kernel"},
};

static void check(const Case *c)
{
    CLEANUP_NAME DmvPackageName n = {0};
    DMV_CLEANUP_FREE char *made = NULL, *dashed = strdup(c->package);

    if (dmv_package_name_parse(c->package, NULL, &n, NULL) != 0)
        fail_msg("%s is refused", c->package);
    assert_int_equal(n.form, c->form);
    assert_string_equal(n.name, c->name);
    if (!dmv_streq(n.vendor, c->vendor) || !dmv_streq(n.kernel, c->kernel) ||
        !dmv_streq(n.alternate_kernel, c->alternate_kernel) || !dmv_streq(n.overrides, c->overrides))
        fail_msg("%s is read wrong", c->package);
    assert_int_equal(n.alternate, c->overrides != NULL);
    assert_int_equal(dmv_package_tier(&n, DMV_TREE_INVALID), c->tier);
    assert_int_equal(n.device, c->form == DMV_PACKAGE_VENDOR && !c->module);
    assert_int_equal(dmv_package_name_is_of_module(&n, c->module ? c->module : n.name), c->module != NULL);
    assert_false(dmv_package_name_is_of_module(&n, "something_else"));
    /* and back */
    assert_int_equal(dmv_package_name_make(&n, NULL, &made, NULL), 0);
    for (char *p = strstr(dashed, c->name), *end = p + strlen(c->name); p < end; p++)
        *p = *p == '_' ? '-' : *p;
    assert_string_equal(made, dashed);
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        check(&cases[i]);
}

static void test_refused(void **state)
{
    static const char *const names[] = {
        /* other packages */
        "",
        "bash",
        "kernel",
        "kernel-alt",
        "kernel-modules",
        "kernel-module",
        "kernel-core-modules",
        "kmod",
        "kmod-libs",
        "vendor-drivers",
        "xcp-ng-deps",
        "bash-completion",
        "linux-firmware",
        "intel",
        /* nothing left of the name */
        "-module",
        "-modules",
        "module",
        "intel-",
        "-alt",
        "kmod--4.19.0+1",
        "kmod-4.19.0+1",
        "-ice-module",
        "intel--ice",
        "intel-ice-",
        "ice--module",
        /* alternates of alternates, of what is no package of modules, and for alternate kernels */
        "intel-ice-alt-alt",
        "ceph-module-alt-alt",
        "bash-alt",
        "intel-ice-alt-kernel4.19",
        "intel-ice-kernel4.19-alt",
        "kmod-zfs-4.19.0+1-alt-kernel4.19",
        /* kernels */
        "kmod-zfs",
        "kmod-zfs-4",
        "kmod-zfs-module",
        "kmod-zfs-4.",
        "kmod-zfs-.4",
        "kmod-zfs-04.1",
        "kmod-zfs-4.4.0+10-kernel4.19",
        "kmod-zfs-4.190.1-kernel4.19",
        "ceph-module-kernel4",
        "ceph-module-kernel4.19.1",
        "ceph-module-kernel4.",
        "ceph-module-kernel4.019",
        "ceph-module-kernel4.19-x",
        "ceph-kernel4.19-module",
        "ceph-module-kernel4.19-kernel4.19",
        "-kernel4.19",
        "kernel4.19",
        /* hostile */
        "intel-../../etc/passwd",
        "../ice-module",
        "intel-ice/x",
        "intel-ice\n",
        "intel-i\x1b[2Jce",
        "intel-i ce",
        "intel-ice;reboot",
        "intel-%n%n",
        "intel-\xc3\xa4",
        "$(x)-module",
        "kmod-zfs-4.19.0/../../x",
        "kmod-zfs-4.19.0 x",
        "kmod-z/fs-4.19.0",
        "intel-ice.ko",
        ".-module",
        "_x-module",
        "x_-module",
        "intel-ice-ALT ",
        "INTEL-ice",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++) {
        CLEANUP_NAME DmvPackageName n = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        if (dmv_package_name_parse(names[i], NULL, &n, &e) != DMV_INVALID_NAME)
            fail_msg("'%s' is taken", names[i]);
        assert_string_equal(dmv_outcome_reason(e.code), "invalid-name");
        assert_non_null(e.why);
        for (const char *p = e.why; *p; p++)
            assert_true((unsigned char)*p >= ' ');
        assert_null(n.name);
    }
}

static void test_too_long(void **state)
{
    CLEANUP_NAME DmvPackageName n = {0};
    char name[DMV_PACKAGE_NAME_MAX + 64];

    (void)state;
    memset(name, 'a', sizeof(name));
    memcpy(name + sizeof(name) - 8, "-module", 8);
    assert_int_equal(dmv_package_name_parse(name, NULL, &n, NULL), DMV_INVALID_NAME);
    /* short enough for a package, too long for a module */
    assert_int_equal(dmv_package_name_parse(name + 128, NULL, &n, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_package_name_parse(name + sizeof(name) - 128, NULL, &n, NULL), 0);
}

static void test_vendors_of_the_caller(void **state)
{
    char acme[] = "acme", two[] = "acme-labs";
    char *vendors[] = {acme, two, NULL};
    CLEANUP_NAME DmvPackageName n = {0}, m = {0};

    (void)state;
    assert_int_equal(dmv_package_name_parse("acme-ice", NULL, &n, NULL), DMV_INVALID_NAME);
    assert_int_equal(dmv_package_name_parse("acme-ice-alt", vendors, &n, NULL), 0);
    assert_string_equal(n.vendor, "acme");
    assert_string_equal(n.name, "ice");
    vendors[0] = two;
    assert_int_equal(dmv_package_name_parse("acme-labs-ice", vendors, &m, NULL), 0);
    assert_string_equal(m.vendor, "acme-labs");
}

/* What no name says exactly is not given a name that says something else. */
static void test_not_made(void **state)
{
    static char x_alt[] = "x_alt", x[] = "x", intel[] = "intel", acme[] = "acme", kernel[] = "4.19.0+1",
                major_minor[] = "4.19", other[] = "5.10", word[] = "next", both[] = "x-4.1", slash[] = "a/b";
    const DmvPackageName names[] = {
        {.form = DMV_PACKAGE_VENDOR, .vendor = intel, .name = x_alt},
        {.form = DMV_PACKAGE_VENDOR, .vendor = acme, .name = x},
        {.form = DMV_PACKAGE_VENDOR, .name = x},
        {.form = DMV_PACKAGE_VENDOR, .vendor = intel},
        {.form = DMV_PACKAGE_MODULE, .name = slash},
        {.form = DMV_PACKAGE_MODULE},
        {.form = DMV_PACKAGE_MODULE, .name = x, .vendor = intel},
        {.form = DMV_PACKAGE_MODULE, .name = x, .alternate = true, .alternate_kernel = major_minor},
        {.form = DMV_PACKAGE_MODULE, .name = x, .alternate_kernel = kernel},
        {.form = DMV_PACKAGE_MODULE, .name = x, .kernel = kernel},
        {.form = DMV_PACKAGE_KMOD, .name = x},
        {.form = DMV_PACKAGE_KMOD, .name = x, .kernel = word},
        {.form = DMV_PACKAGE_KMOD, .name = both, .kernel = kernel},
        {.form = DMV_PACKAGE_KMOD, .name = x, .kernel = kernel, .alternate_kernel = other},
        {.form = DMV_PACKAGE_FORM_MAX, .name = x},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++) {
        DMV_CLEANUP_FREE char *made = NULL;
        DMV_CLEANUP_ERROR DmvError e = {0};

        if (dmv_package_name_make(&names[i], NULL, &made, &e) != DMV_INVALID_NAME)
            fail_msg("case %zu is made: %s", i, made);
        assert_int_equal(e.code, DMV_INVALID_NAME);
        assert_null(made);
    }
}

/* Names with a '_' where the policy has a '-' are read; what would be another name with the '-' is not made.
 */
static void test_read_and_not_made(void **state)
{
    static const char *const names[] = {"kmod_x-modules", "kmod__b_-akmod-modules", "intel-ice_alt"};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(names); i++) {
        CLEANUP_NAME DmvPackageName n = {0};
        DMV_CLEANUP_FREE char *made = NULL;

        assert_int_equal(dmv_package_name_parse(names[i], NULL, &n, NULL), 0);
        assert_false(n.alternate);
        assert_int_equal(dmv_package_name_make(&n, NULL, &made, NULL), DMV_INVALID_NAME);
        assert_null(made);
    }
}

static void test_alternates(void **state)
{
    static const struct {
        const char *package, *module, *alternate;
    } pairs[] = {
        {"broadcom-bnxt-en", NULL, "broadcom-bnxt-en-alt"},
        {"tn40xx-module", NULL, "tn40xx-module-alt"},
        {"kmod-zfs-4.19.0+1", NULL, "kmod-zfs-4.19.0+1-alt"},
        {NULL, "ceph", "ceph-module-alt"},
        {NULL, "megaraid_sas", "megaraid-sas-module-alt"},
        {"broadcom-bnxt-en-alt", NULL, NULL},
        {"broadcom-bnxt-en-kernel4.19", NULL, NULL},
        {"bash", NULL, NULL},
        {NULL, "../ceph", NULL},
        {NULL, "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(pairs); i++) {
        DMV_CLEANUP_FREE char *made = NULL;
        int r = dmv_package_name_of_alternate(pairs[i].package, pairs[i].module, NULL, &made, NULL);

        assert_int_equal(r, pairs[i].alternate ? 0 : DMV_INVALID_NAME);
        assert_int_equal(dmv_strcmp0(made, pairs[i].alternate), 0);
    }
}

/* A package in updates/ is supported whatever its name is like; -module says nothing of that. */
static void test_tiers(void **state)
{
    CLEANUP_NAME DmvPackageName n = {0};

    (void)state;
    assert_int_equal(dmv_package_name_parse("ceph-module", NULL, &n, NULL), 0);
    assert_int_equal(dmv_package_tier(&n, DMV_TREE_UPDATES), DMV_TIER_SUPPORTED);
    assert_int_equal(dmv_package_tier(&n, DMV_TREE_OVERRIDE), DMV_TIER_ALTERNATE);
    assert_int_equal(dmv_package_tier(&n, DMV_TREE_EXTRA), DMV_TIER_ADDITIONAL);
    assert_int_equal(dmv_package_tier(&n, DMV_TREE_WEAK), DMV_TIER_ADDITIONAL);
    assert_int_equal(dmv_package_tier(&n, DMV_TREE_OTHER), DMV_TIER_ADDITIONAL);
    assert_int_equal(dmv_tier_tree(DMV_TIER_SUPPORTED), DMV_TREE_UPDATES);
    assert_int_equal(dmv_tier_tree(DMV_TIER_ALTERNATE), DMV_TREE_OVERRIDE);
    assert_int_equal(dmv_tier_tree(DMV_TIER_ADDITIONAL), DMV_TREE_EXTRA);
    assert_int_equal(dmv_tier_tree(DMV_TIER_INVALID), DMV_TREE_INVALID);
    for (DmvTier t = 0; t < DMV_TIER_MAX; t++)
        assert_int_equal(dmv_tier_from_string(dmv_tier_to_string(t)), t);
    assert_null(dmv_tier_to_string(DMV_TIER_INVALID));
    assert_int_equal(dmv_tier_from_string("inbox"), DMV_TIER_INVALID);
    assert_int_equal(dmv_tier_from_string(NULL), DMV_TIER_INVALID);
}

static void test_offers(void **state)
{
    static const struct {
        const char *package;
        bool absent; /* offered where it is not installed */
    } offers[] = {
        {"broadcom-bnxt-en", true},   {"broadcom-bnxt-en-alt", false},        {"ceph-module", false},
        {"kmod-zfs-4.19.0+1", false}, {"broadcom-bnxt-en-kernel4.19", false}, {"ceph-module-alt", false},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(offers); i++) {
        CLEANUP_NAME DmvPackageName n = {0};
        DmvTier tier;

        assert_int_equal(dmv_package_name_parse(offers[i].package, NULL, &n, NULL), 0);
        tier = dmv_package_tier(&n, DMV_TREE_INVALID);
        assert_int_equal(dmv_package_is_offered(tier, &n, false), offers[i].absent);
        assert_true(dmv_package_is_offered(tier, &n, true));
    }
    assert_true(dmv_package_is_offered(DMV_TIER_SUPPORTED, NULL, false));
    assert_false(dmv_package_is_offered(DMV_TIER_ALTERNATE, NULL, false));
}

static void test_versions(void **state)
{
    static const struct {
        const char *module, *kernel, *version;
    } versions[] = {
        {"1.9.2", "4.19.0", "1.9.2"},         {NULL, "4.4.176", "4.4.176"}, {"", "4.4.176", "4.4.176"},
        {"1.9.2-214.0", NULL, "1.9.2_214.0"}, {"2.0~rc1", NULL, "2.0~rc1"}, {NULL, NULL, NULL},
        {"1.0 (beta)", "4.19", NULL},         {"1/2", NULL, NULL},          {NULL, "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(versions); i++) {
        DMV_CLEANUP_FREE char *made = NULL;

        assert_int_equal(dmv_package_version(versions[i].module, versions[i].kernel, &made),
                         versions[i].version ? 0 : DMV_INVALID_NAME);
        assert_int_equal(dmv_strcmp0(made, versions[i].version), 0);
    }
}

static void test_kernels(void **state)
{
    static const struct {
        const char *package, *kernel;
        bool is_for;
    } kernels[] = {
        {"ceph-module-kernel4.19", "4.19.0+1", true},    {"ceph-module-kernel4.19", "4.19", true},
        {"ceph-module-kernel4.19", "4.190.1", false},    {"ceph-module-kernel4.19", "4.1.9", false},
        {"ceph-module-kernel4.19", "14.19.0", false},    {"ceph-module", "4.4.0+10", true},
        {"broadcom-bnxt-en-kernel5.4", "5.4-rc1", true}, {"broadcom-bnxt-en-kernel5.4", "5.40", false},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(kernels); i++) {
        DMV_CLEANUP(dmv_package_name_deinit) DmvPackageName n = {0};

        assert_int_equal(dmv_package_name_parse(kernels[i].package, NULL, &n, NULL), 0);
        if (dmv_package_name_is_for_kernel(&n, kernels[i].kernel) != kernels[i].is_for)
            fail_msg("%s and %s", kernels[i].package, kernels[i].kernel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_long),   cmocka_unit_test(test_vendors_of_the_caller),
        cmocka_unit_test(test_not_made),   cmocka_unit_test(test_read_and_not_made),
        cmocka_unit_test(test_alternates), cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_offers),     cmocka_unit_test(test_versions),
        cmocka_unit_test(test_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
