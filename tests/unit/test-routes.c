/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes of procfs. The texts were taken from a host with two interfaces and a policy table. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/routes.h"

#define HEADING "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define ZEROS "00000000000000000000000000000000"
#define REST " 00000400 00000002 00000000 "

/* The kernel writes an address as the number that its bytes are on that machine. */
static void add_v4(DmvText *t, const char *interface, const char *to, const char *mask, unsigned flags)
{
    dmv_text_appendf(t, "%s\t%08X\t00000000\t%04X\t0\t0\t100\t%08X\t0\t0\t0   \n", interface, inet_addr(to),
                     flags, inet_addr(mask));
}

static void test_v4(void **state)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    DMV_CLEANUP_ROUTES DmvRoutes r = {0};
    DMV_CLEANUP_STRV char **interfaces = NULL;

    (void)state;
    dmv_text_append(&t, HEADING);
    add_v4(&t, "eth0", "0.0.0.0", "0.0.0.0", 3);
    add_v4(&t, "eth1", "10.1.0.0", "255.255.0.0", 1);
    add_v4(&t, "eth2", "10.1.128.0", "255.255.128.0", 1);
    add_v4(&t, "eth3", "10.1.128.7", "255.255.255.255", 5);
    add_v4(&t, "gone", "0.0.0.0", "0.0.0.0", 2);              /* not up */
    add_v4(&t, "none", "10.1.128.0", "255.255.255.0", 0x201); /* a route that rejects */
    add_v4(&t, "lo", "0.0.0.0", "0.0.0.0", 1);
    assert_int_equal(dmv_routes_parse_v4(t.data, t.size, &r), 0);
    assert_int_equal(r.n, 4);
    assert_int_equal(dmv_routes_default(&r, &interfaces), 0);
    assert_int_equal(dmv_strv_length(interfaces), 1);
    assert_string_equal(interfaces[0], "eth0");
    assert_string_equal(dmv_routes_towards(&r, "192.0.2.1"), "eth0");
    assert_string_equal(dmv_routes_towards(&r, "10.1.127.1"), "eth1");
    assert_string_equal(dmv_routes_towards(&r, "10.1.128.1"), "eth2");
    assert_string_equal(dmv_routes_towards(&r, "10.1.128.7"), "eth3");
    assert_null(dmv_routes_towards(&r, "2001:db8::1"));
    assert_null(dmv_routes_towards(&r, "10.1"));
    assert_null(dmv_routes_towards(&r, ""));
}

static void test_v6(void **state)
{
    static const char text[] =
        "20010db8000000000000000000000000 21 " ZEROS " 00 " ZEROS REST "00000001     eth1\n" ZEROS
        " 00 " ZEROS " 00 fe800000000000000000000000000001" REST "00000003     eth0\n" ZEROS " 00 " ZEROS
        " 00 " ZEROS " ffffffff 00000001 00000000 00200200       lo\n";
    DMV_CLEANUP_ROUTES DmvRoutes r = {0};
    DMV_CLEANUP_STRV char **interfaces = NULL;

    (void)state;
    assert_int_equal(dmv_routes_parse_v6(text, sizeof(text) - 1, &r), 0);
    assert_int_equal(r.n, 2);
    assert_string_equal(dmv_routes_towards(&r, "2001:db8:7fff::1"), "eth1"); /* 33 bits */
    assert_string_equal(dmv_routes_towards(&r, "2001:db8:8000::1"), "eth0");
    assert_null(dmv_routes_towards(&r, "10.0.0.1"));
    assert_int_equal(dmv_routes_default(&r, &interfaces), 0);
    assert_string_equal(interfaces[0], "eth0");
    assert_int_equal(dmv_strv_length(interfaces), 1);
}

static void test_odd_lines(void **state)
{
    static const char *const v4[] = {
        "",
        "\n\n",
        "eth0",
        "eth0\t0\t0\t3\t0\t0\t0\t0\n",
        "eth0\t00000000\t00000000\t0003\t0\t0\t100\n",
        "eth0\tXXXXXXXX\t00000000\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
        "../eth0\t00000000\t00000000\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
        "a-name-that-is-too-long\t00000000\t00000000\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
        "..\t00000000\t00000000\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
    };
    static const char *const v6[] = {
        ZEROS,
        ZEROS " 81 " ZEROS " 00 " ZEROS REST "00000003 eth0\n",
        ZEROS " 00 " ZEROS " 00 " ZEROS REST "00000003 a/b\n",
        "zz" ZEROS " 00 " ZEROS " 00 " ZEROS REST "00000003 eth0\n",
        ZEROS " 00 " ZEROS " 00 " ZEROS REST "00000003\n",
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(v4); i++) {
        DMV_CLEANUP_ROUTES DmvRoutes r = {0};

        assert_int_equal(dmv_routes_parse_v4(v4[i], strlen(v4[i]), &r), 0);
        assert_int_equal(r.n, 0);
    }
    for (size_t i = 0; i < DMV_N_ELEMENTS(v6); i++) {
        DMV_CLEANUP_ROUTES DmvRoutes r = {0};

        assert_int_equal(dmv_routes_parse_v6(v6[i], strlen(v6[i]), &r), 0);
        assert_int_equal(r.n, 0);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(dmv_interface_name_is_valid("eth0"));
    assert_true(dmv_interface_name_is_valid("odd\xff\x01"));
    assert_true(dmv_interface_name_is_valid("fifteen-letters"));
    assert_false(dmv_interface_name_is_valid("sixteen-letters-"));
    assert_false(dmv_interface_name_is_valid(""));
    assert_false(dmv_interface_name_is_valid("."));
    assert_false(dmv_interface_name_is_valid("a/b"));
    assert_false(dmv_interface_name_is_valid("a b"));
    assert_false(dmv_interface_name_is_valid("a:1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v4),
        cmocka_unit_test(test_v6),
        cmocka_unit_test(test_odd_lines),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
