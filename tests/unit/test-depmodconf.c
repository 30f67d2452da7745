/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/depmodconf.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"
#define HEAD                                                                      \
    "# Written by dmv. Changes are lost: the selection is made with dmvctl(1).\n" \
    "search override updates extra built-in weak-updates\n"

static void assert_text(DmvDepmodConf *c, const char *want)
{
    DMV_CLEANUP_FREE char *text = NULL;

    assert_int_equal(dmv_depmod_conf_format(c, &text), 0);
    assert_string_equal(text, want);
}

static void test_format(void **state)
{
    DMV_CLEANUP_DEPMOD_CONF DmvDepmodConf c = {0};

    (void)state;
    assert_text(&c, HEAD);
    c.excludes = true;
    assert_text(&c, HEAD "exclude dmv xenserver\n");
}

/* The same overrides give the same text, in whatever order they were added. */
static void test_order(void **state)
{
    static const char want[] = HEAD "override ice ^" K1 "$ updates\n"
                                    "override irdma ^" K1 "$ kernel/drivers/infiniband\n"
                                    "override ice ^" K2 "$ extra\n";
    static const char *const rows[][3] = {
        {"ice", K1, "updates"}, {"irdma", K1, "kernel/drivers/infiniband"}, {"ice", K2, "extra"}};
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {1, 0, 2}};

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(orders); i++) {
        DMV_CLEANUP_DEPMOD_CONF DmvDepmodConf c = {0};

        for (size_t k = 0; k < 3; k++) {
            const char *const *row = rows[orders[i][k]];

            assert_int_equal(dmv_depmod_conf_add(&c, row[0], row[1], row[2]), 0);
        }
        assert_int_equal(c.n, 3);
        assert_text(&c, want);
        dmv_depmod_conf_deinit(&c);
        assert_int_equal(c.n, 0);
        assert_null(c.overrides);
    }
}

/* depmod reads the kernel as a regular expression; XCP-ng's kernels have a '+' in their names. */
static void test_a_kernel_with_a_plus(void **state)
{
    DMV_CLEANUP_DEPMOD_CONF DmvDepmodConf c = {0};
    DMV_CLEANUP_FREE char *text = NULL, *pattern = dmv_depmod_kernel_pattern("4.19.0+1");

    (void)state;
    assert_string_equal(pattern, "^4.19.0[+]1$");
    assert_int_equal(dmv_depmod_conf_add(&c, "ice", "4.19.0+1", "updates"), 0);
    assert_int_equal(dmv_depmod_conf_format(&c, &text), 0);
    assert_string_equal(text, HEAD "override ice ^4.19.0[+]1$ updates\n");
    assert_int_equal(dmv_depmod_conf_differs(HEAD, text, "4.19.0+1"), 1);
    assert_int_equal(dmv_depmod_conf_differs(HEAD, text, "4.19.0+10"), 0);
    assert_int_equal(dmv_depmod_conf_differs(HEAD, text, "4.19.001"), 0);
}

static void test_differs(void **state)
{
    static const struct {
        const char *a, *b;
        int k1, k2; /* what is wanted for the two kernels */
    } cases[] = {
        {NULL, NULL, 0, 0},
        {NULL, "", 0, 0},
        {NULL, "# a comment\n", 0, 0},
        {NULL, HEAD, 1, 1},
        {HEAD, HEAD, 0, 0},
        {HEAD, "search override updates extra built-in weak-updates\n# another\n\n", 0, 0},
        {HEAD, "search override updates extra built-in weak-updates", 0, 0}, /* no newline at the end */
        {HEAD, HEAD "exclude dmv xenserver\n", 1, 1},
        {HEAD, HEAD "override ice ^" K1 "$ updates\n", 1, 0},
        {HEAD "override ice ^" K1 "$ updates\n", HEAD "override ice ^" K1 "$ extra\n", 1, 0},
        {HEAD "override ice ^" K2 "$ updates\n", HEAD "override ice ^" K1 "$ updates\n", 1, 1},
        /* one kernel's name is the beginning of the other's */
        {HEAD, HEAD "override ice ^" K1 "x$ updates\n", 0, 0},
        {HEAD, HEAD "override ice ^6.1.0$ updates\n", 0, 0},
        /* for every kernel, or not to be understood: it counts */
        {HEAD, HEAD "override ice\n", 1, 1},
        {HEAD, HEAD "override \n", 1, 1},
        {HEAD, HEAD "overrides ice ^" K2 "$ updates\n", 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        for (int swap = 0; swap < 2; swap++) {
            const char *a = swap ? cases[i].b : cases[i].a, *b = swap ? cases[i].a : cases[i].b;

            if (dmv_depmod_conf_differs(a, b, K1) != cases[i].k1 ||
                dmv_depmod_conf_differs(a, b, K2) != cases[i].k2)
                fail_msg("case %zu, swapped %d", i, swap);
        }
}

static void test_modules(void **state)
{
    static const char text[] =
        HEAD "override nvme-core ^" K1 "$ updates\noverride ice ^" K2 "$ updates\n"
             "# override irdma ^" K1 "$ updates\noverride ixgbe\noverride e1000e ^" K1 "$ kernel/drivers\n";
    DMV_CLEANUP_STRV char **modules = NULL;

    (void)state;
    assert_int_equal(dmv_depmod_conf_modules(NULL, K1, &modules), 0);
    assert_null(modules);
    assert_int_equal(dmv_depmod_conf_modules(text, K1, &modules), 0);
    assert_int_equal(dmv_strv_length(modules), 3);
    assert_string_equal(modules[0], "nvme_core");
    assert_string_equal(modules[1], "ixgbe"); /* for every kernel, perhaps: it counts */
    assert_string_equal(modules[2], "e1000e");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_a_kernel_with_a_plus),
        cmocka_unit_test(test_differs),
        cmocka_unit_test(test_modules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
