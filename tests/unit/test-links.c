/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Carriers of a recorded server. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/recorded.h"
#include "base/text.h"
#include "host/links.h"
#include "host/observe.h"

static const char server[] =
    "kernel 6.1.0-10-amd64\n"
    "module ice\n"
    "device 0000:03:00.0 id=8086:1592 class=020000 driver=ice net=eth0,eth1\n"
    "functions 0000:03:00.0 count=1 first=0000:03:01.0 id=8086:1889 class=020000 net=vf\n"
    "device 0000:04:00.0 id=8086:10d3 class=020000 net=eth2\n"
    "interface bond0 on=eth0,eth2\n"
    "interface br7 on=eth1\n"
    "attribute class/net/eth0/carrier 1\n"
    "attribute class/net/eth1/carrier 0\n"
    "attribute class/net/vf0/carrier 1\n"
    "attribute class/net/bond0/carrier 1\n"
    "attribute class/net/br7/carrier 1\n"
    "route bond0\n";

static void test_carriers(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    DMV_CLEANUP_STRV char **links = NULL;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_text(&s, server, "host");
    assert_int_equal(dmv_roots_init(&r, s.path, scratch_path(&s, "host/sys"), scratch_path(&s, "host/proc")),
                     0);
    assert_int_equal(dmv_observe_hardware(&r, &w), 0);
    assert_int_equal(dmv_links_observe(&r, &w, &links), 0);
    assert_int_equal(dmv_strv_length(links), 2);
    assert_true(dmv_strv_contains(links, "eth0"));
    assert_true(dmv_strv_contains(links, "bond0")); /* the host is reached by it */
}

static void test_no_sysfs(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    DMV_CLEANUP_STRV char **links = NULL;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(dmv_links_observe(&r, &w, &links), 0);
    assert_null(links);
    assert_int_equal(dmv_set_string(&r.sysfs, scratch_path(&s, "nowhere")), 0);
    assert_int_equal(dmv_links_observe(&r, &w, &links), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carriers),
        cmocka_unit_test(test_no_sysfs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
