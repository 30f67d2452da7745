/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/scratch.h"
#include "host/roots.h"

static void test_running_system(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r, slash;
    DMV_CLEANUP_FREE char *path = NULL;

    (void)state;
    assert_int_equal(dmv_roots_init(&r, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_roots_init(&slash, "//", NULL, NULL), 0);
    assert_true(r.running && slash.running && r.live_sysfs);
    assert_string_equal(r.root, "");
    assert_string_equal(slash.root, "");
    assert_string_equal(r.sysfs, "/sys");
    assert_string_equal(r.procfs, "/proc");
    path = dmv_roots_path(&r, DMV_DEPMOD_CONF);
    assert_string_equal(path, "/etc/depmod.d/00-dmv.conf");
}

static void test_other_root(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r, with;
    DMV_CLEANUP_FREE char *path = NULL, *kernel = NULL, *file = NULL;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "root/usr/lib/modules");
    scratch_link(&s, "root/lib", "usr/lib");
    scratch_mkdir(&s, "sysfs");
    assert_int_equal(dmv_roots_init(&r, scratch_path(&s, "root/"), NULL, NULL), 0);
    assert_false(r.running);
    assert_null(r.sysfs);
    assert_null(r.procfs);
    assert_string_equal(r.root, scratch_path(&s, "root"));
    assert_string_equal(r.modules, "usr/lib/modules");
    path = dmv_roots_path(&r, "etc/x");
    assert_string_equal(path, scratch_path(&s, "root/etc/x"));
    kernel = dmv_roots_kernel_path(&r, "6.1", NULL);
    assert_string_equal(kernel, "usr/lib/modules/6.1");
    file = dmv_roots_kernel_path(&r, "6.1", "updates/x.ko");
    assert_string_equal(file, "usr/lib/modules/6.1/updates/x.ko");
    assert_int_equal(dmv_roots_init(&with, scratch_path(&s, "root"), scratch_path(&s, "sysfs"), NULL), 0);
    assert_string_equal(with.sysfs, scratch_path(&s, "sysfs"));
    assert_false(with.live_sysfs);
}

static void test_unmerged(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, "lib/modules");
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_string_equal(r.modules, "lib/modules");
}

static void test_refused(void **state)
{
    DmvRoots r;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "file", "");
    assert_int_equal(dmv_roots_init(&r, scratch_path(&s, "none"), NULL, NULL), -ENOENT);
    assert_int_equal(dmv_roots_init(&r, scratch_path(&s, "file"), NULL, NULL), -ENOTDIR);
    assert_int_equal(dmv_roots_init(&r, s.path, scratch_path(&s, "none"), NULL), -ENOENT);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, scratch_path(&s, "file")), -ENOTDIR);
    assert_null(r.root);
    dmv_roots_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running_system),
        cmocka_unit_test(test_other_root),
        cmocka_unit_test(test_unmerged),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
