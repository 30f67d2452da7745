/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/recorded.h"
#include "host/observe.h"

static void observe(const Scratch *s, DmvWorld *w)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;

    assert_int_equal(dmv_roots_init(&r, s->path, scratch_path(s, "sys"), NULL), 0);
    assert_int_equal(dmv_observe_loaded(&r, w), 0);
    dmv_world_sort(w);
}

static void test_recorded(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvLoaded *l;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "dell-r650", ".");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_loaded, 6);
    l = dmv_world_loaded(&w, "ice");
    assert_string_equal(l->version, "1.15.5");
    assert_string_equal(l->srcversion, "4B1D4C52F0E5A9C6B3E7D21");
    assert_string_equal(l->build_id, "c1de00000000000000000000000000000000a155");
    assert_string_equal(l->note_variant, "dell");
    assert_string_equal(l->note_version, "1.15.5");
    assert_string_equal(l->note_release, "1");
    assert_string_equal(l->taint, "OE");
    l = dmv_world_loaded(&w, "bnxt-en");
    assert_null(l->version);
    assert_null(l->note_variant);
    assert_string_equal(l->build_id, "b0bb1e00112233445566778899aabbccddeeff00");
}

static void test_built_in_is_not_loaded(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, "sys/module/8250/parameters/nr_uarts", "4\n");
    scratch_write(&s, "sys/module/drm/version", "1\n");
    scratch_write(&s, "sys/module/real/initstate", "live\n");
    scratch_write(&s, "sys/module/not a module/initstate", "live\n");
    scratch_write(&s, "sys/module/file", "");
    observe(&s, &w);
    assert_int_equal(w.n_loaded, 1);
    assert_string_equal(w.loaded[0].name, "real");
    assert_false(w.loaded[0].coming);
    scratch_write(&s, "sys/module/real/initstate", "coming\n");
    dmv_world_deinit(&w);
    observe(&s, &w);
    assert_true(w.loaded[0].coming);
}

static void test_odd_modules(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    recorded_host(&s, "dell-r650", ".");
    scratch_write(&s, "sys/module/ice/notes/.note.XenServer", "garbage that is no note");
    scratch_write(&s, "sys/module/nvme/notes/.note.gnu.build-id", "");
    assert_int_equal(unlink(scratch_path(&s, "sys/module/ahci/version")), 0);
    scratch_mkdir(&s, "sys/module/ahci/version");
    observe(&s, &w);
    assert_int_equal(w.n_loaded, 6);
    assert_int_equal(w.problems.n, 3);
    assert_string_equal(w.problems.items[0].object, "module/ahci/version");
    assert_int_equal(w.problems.items[0].code, -EISDIR);
    assert_string_equal(w.problems.items[1].object, "module/ice/notes/.note.XenServer");
    assert_int_equal(w.problems.items[1].code, DMV_MALFORMED);
    assert_string_equal(w.problems.items[2].object, "module/nvme/notes/.note.gnu.build-id");
    assert_int_equal(w.problems.items[2].code, DMV_MALFORMED);
    assert_string_equal(dmv_world_loaded(&w, "ice")->build_id, "c1de00000000000000000000000000000000a155");
    assert_null(dmv_world_loaded(&w, "ice")->note_variant);
    assert_string_equal(dmv_world_loaded(&w, "ahci")->srcversion, "C3A1B2D4E5F60718293A4B5");
}

static void test_nothing_known(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0}, empty = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    assert_int_equal(dmv_roots_init(&r, s.path, NULL, NULL), 0);
    assert_int_equal(dmv_observe_loaded(&r, &w), 0);
    scratch_mkdir(&s, "sys");
    observe(&s, &empty);
    assert_int_equal(w.n_loaded + empty.n_loaded, 0);
    assert_int_equal(w.problems.n + empty.problems.n, 0);
}

static void test_this_machine(void **state)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;
    DMV_CLEANUP_WORLD DmvWorld w = {0};

    (void)state;
    assert_int_equal(dmv_roots_init(&r, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_observe_loaded(&r, &w), 0);
    assert_int_equal(w.problems.n, 0);
    for (size_t i = 0; i < w.n_loaded; i++)
        assert_non_null(w.loaded[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),     cmocka_unit_test(test_built_in_is_not_loaded),
        cmocka_unit_test(test_odd_modules),  cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
