/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real depmod on a scratch root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "../support/plain-depmod.h"
#include "host/depmod.h"
#include "host/observe.h"

#define K "6.1.0-test"
#define TREE "usr/lib/modules/" K

static void make_root(Scratch *s)
{
    scratch_init(s);
    scratch_link(s, "lib", "usr/lib");
    scratch_write(s, TREE "/modules.order", "kernel/dmvtest.ko\n");
    scratch_write(s, TREE "/modules.builtin", "");
    scratch_write(s, TREE "/modules.builtin.modinfo", "");
    komod_build(s, TREE "/kernel/dmvtest.ko", &(Komod){.name = "dmvtest", .version = "1"});
    komod_build(s, TREE "/override/dmvtest.ko", &(Komod){.name = "dmvtest", .version = "2"});
}

static void assert_indexed(const Scratch *s, const char *path)
{
    DMV_CLEANUP_FREE char *dep = scratch_read(s, TREE "/modules.dep", NULL);

    assert_string_equal(dep, path);
}

static void test_runs(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_ERROR DmvError e = {0};
    SCRATCH s;

    (void)state;
    make_root(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    scratch_write(&s, "etc/depmod.d/00-dmv.conf", "search built-in\noverride dmvtest " K " override\n");
    assert_int_equal(plain_depmod(&r, K, &e), 0);
    assert_indexed(&s, "override/dmvtest.ko:\n");
}

/* All folders of depmod.d(5) below the root count, the first one hides the same name in the others. */
static void test_configuration_folders(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    SCRATCH s;

    (void)state;
    make_root(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    scratch_write(&s, "usr/lib/depmod.d/vendor.conf", "search override built-in\n");
    assert_int_equal(plain_depmod(&r, K, NULL), 0);
    assert_indexed(&s, "override/dmvtest.ko:\n");
    scratch_write(&s, "etc/depmod.d/vendor.conf", "search built-in override\n");
    assert_int_equal(plain_depmod(&r, K, NULL), 0);
    assert_indexed(&s, "kernel/dmvtest.ko:\n");
}

/* depmod itself exits 0 here. */
static void test_dangling_link_is_a_failure(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_ERROR DmvError e = {0};
    SCRATCH s;

    (void)state;
    make_root(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    scratch_link(&s, TREE "/updates/dmvtest.ko", "../../gone.ko");
    assert_int_equal(plain_depmod(&r, K, &e), DMV_TOOL_FAILED);
    assert_int_equal(e.code, DMV_TOOL_FAILED);
    assert_non_null(strstr(e.why, "dmvtest.ko"));
    assert_non_null(strstr(e.why, K));
}

static void test_garbage_module_is_a_failure(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    SCRATCH s;

    (void)state;
    make_root(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    scratch_write(&s, TREE "/updates/bad.ko", "this is no module");
    assert_int_equal(plain_depmod(&r, K, NULL), DMV_TOOL_FAILED);
}

static void test_missing_kernel(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_ERROR DmvError e = {0};
    SCRATCH s;

    (void)state;
    make_root(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(plain_depmod(&r, "6.9.9-none", &e), DMV_TOOL_FAILED);
    assert_int_equal(plain_depmod(&r, "-a", &e), -EINVAL);
    assert_int_equal(plain_depmod(&r, "../x", &e), -EINVAL);
}

/* An old kernel has no modules.builtin.modinfo; nobody can mend that, and depmod goes on. */
static void test_missing_lists_are_let_pass(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    SCRATCH s;

    (void)state;
    make_root(&s);
    assert_int_equal(unlink(scratch_path(&s, TREE "/modules.builtin.modinfo")), 0);
    assert_int_equal(unlink(scratch_path(&s, TREE "/modules.builtin")), 0);
    assert_int_equal(unlink(scratch_path(&s, TREE "/modules.order")), 0);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(plain_depmod(&r, K, NULL), 0);
}

static void test_observe(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0}, broken = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(dmv_observe_depmod(&r, &w), 0);
    assert_null(w.depmod_conf);
    assert_int_equal(w.problems.n, 0);
    scratch_write(&s, DMV_DEPMOD_CONF, "search updates built-in\n");
    assert_int_equal(dmv_observe_depmod(&r, &w), 0);
    assert_string_equal(w.depmod_conf, "search updates built-in\n");
    assert_int_equal(unlink(scratch_path(&s, DMV_DEPMOD_CONF)), 0);
    scratch_mkdir(&s, DMV_DEPMOD_CONF);
    assert_int_equal(dmv_observe_depmod(&r, &broken), 0);
    assert_null(broken.depmod_conf);
    assert_int_equal(broken.problems.n, 1);
    assert_int_equal(broken.problems.items[0].code, -EISDIR);
}

/* An override line names the file, not the module: what plan.c relies on. */
static void test_override_wants_the_name_of_the_file(void **state)
{
    static const struct {
        const char *name, *winner;
    } cases[] = {{"dash-test", "override/dash-test.ko:\n"}, {"dash_test", "kernel/dash-test.ko:\n"}};
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    SCRATCH s;

    (void)state;
    make_root(&s);
    scratch_run("rm", scratch_path(&s, TREE "/kernel/dmvtest.ko"),
                scratch_path(&s, TREE "/override/dmvtest.ko"), NULL);
    komod_build(&s, TREE "/kernel/dash-test.ko", &(Komod){.name = "dash_test"});
    komod_build(&s, TREE "/override/dash-test.ko", &(Komod){.name = "dash_test"});
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *conf = NULL;

        assert_true(asprintf(&conf, "search built-in override\noverride %s " K " override\n", cases[i].name) >
                    0);
        scratch_write(&s, "etc/depmod.d/00-dmv.conf", conf);
        assert_int_equal(plain_depmod(&r, K, NULL), 0);
        assert_indexed(&s, cases[i].winner);
    }
}

/* What --version says must agree with what the program does with the word. */
static void test_exclude_is_true(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    bool excludes = false;
    SCRATCH s;

    (void)state;
    make_root(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(dmv_depmod_has_exclude(&excludes), 0);
    scratch_write(&s, "etc/depmod.d/x.conf", "search override built-in\nexclude override\n");
    assert_int_equal(plain_depmod(&r, K, NULL), excludes ? 0 : DMV_TOOL_FAILED);
    assert_indexed(&s, excludes ? "kernel/dmvtest.ko:\n" : "override/dmvtest.ko:\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_configuration_folders),
        cmocka_unit_test(test_dangling_link_is_a_failure),
        cmocka_unit_test(test_garbage_module_is_a_failure),
        cmocka_unit_test(test_missing_kernel),
        cmocka_unit_test(test_missing_lists_are_let_pass),
        cmocka_unit_test(test_override_wants_the_name_of_the_file),
        cmocka_unit_test(test_observe),
        cmocka_unit_test(test_exclude_is_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
