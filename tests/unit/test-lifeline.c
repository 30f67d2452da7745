/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which drivers and plans touch a lifeline, and whether they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/worldkit.h"
#include "model/lifeline.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"
#define NIC "0000:03:00.0"
#define OTHER "0000:04:00.0"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvView view;
    DmvPlan plan;
    DmvLifelineChanges changes;
} Fixture;

static const char *const ice[] = {"ice.ko", NULL};

static void think(Fixture *f)
{
    DmvFacts facts = {.world = &f->world, .intent = &f->intent, .now = 1000};

    dmv_lifeline_changes_deinit(&f->changes);
    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, NULL), 0);
    assert_int_equal(dmv_plan_lifelines(&f->plan, &f->view, &f->changes), 0);
}

/* A card with a release of its driver for both kernels, and a second card that nothing is known of. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const char *const kernels[] = {K1, K2};

    if (!f)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        world_add_file(world_add_kernel(&f->world, kernels[i], i == 0), "kernel/net/ice.ko", NULL);
        world_add_id(world_add_installed(&f->world, "intel-ice", "a", "1", kernels[i], "supported",
                                         DMV_ORIGIN_STORE, ice),
                     "ice.ko", 0x8086, 0x1592);
    }
    world_add_device(&f->world, NIC, 0x8086, 0x1592, "ice");
    world_add_device(&f->world, OTHER, 0x8086, 0x1, "e1000");
    world_depmod(&f->world);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_lifeline_changes_deinit(&f->changes);
    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    free(f);
    return 0;
}

static void select_release(Fixture *f)
{
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "a", "1", NULL), 0);
}

static void assert_change(const Fixture *f, size_t i, const char *what, const char *kernel, const char *other)
{
    const DmvLifelineChange *c = &f->changes.items[i];

    assert_true(i < f->changes.n);
    assert_string_equal(c->lifeline->what, what);
    assert_string_equal(c->modules[0], "ice");
    assert_null(c->modules[1]);
    assert_int_equal(dmv_strv_length(c->kernels), other ? 2 : 1);
    assert_string_equal(c->kernels[0], kernel);
    if (other)
        assert_string_equal(c->kernels[1], other);
}

static void test_kinds(void **state)
{
    (void)state;
    for (int k = 0; k < DMV_LIFELINE_MAX; k++)
        for (int other = 0; other < k; other++)
            assert_string_not_equal(dmv_lifeline_kind_to_string((DmvLifelineKind)k),
                                    dmv_lifeline_kind_to_string((DmvLifelineKind)other));
    assert_string_equal(dmv_lifeline_kind_to_string(DMV_LIFELINE_MANAGEMENT), "management");
    assert_string_equal(dmv_lifeline_kind_to_string(DMV_LIFELINE_INVALID), "invalid");
}

static void test_driver(void **state)
{
    Fixture *f = *state;

    world_add_lifeline(&f->world, DMV_LIFELINE_MANAGEMENT, "eth0", NIC, NULL);
    world_add_lifeline(&f->world, DMV_LIFELINE_ROOT, "/", OTHER, "ice"); /* by the module alone */
    world_add_lifeline(&f->world, DMV_LIFELINE_VAR, "/var", OTHER, "e1000");
    think(f);
    assert_int_equal(dmv_strv_length(f->view.drivers[0].lifelines), 2);
    assert_string_equal(f->view.drivers[0].lifelines[0], "/ on " OTHER);
    assert_string_equal(f->view.drivers[0].lifelines[1], "eth0 on " NIC);
}

static void test_by_module(void **state)
{
    Fixture *f = *state;

    world_add_lifeline(&f->world, DMV_LIFELINE_ROOT, "/", NULL, "ice");
    think(f);
    assert_int_equal(f->changes.n, 0); /* nothing was asked for */
    select_release(f);
    think(f);
    assert_int_equal(f->changes.n, 1);
    assert_change(f, 0, "/", K1, K2);
    world_apply(&f->world, &f->plan);
    think(f);
    assert_int_equal(f->changes.n, 0); /* it is done */
}

/* Nothing is bound to the device now, but the release supports it. */
static void test_by_release(void **state)
{
    Fixture *f = *state;

    world_add_lifeline(&f->world, DMV_LIFELINE_MANAGEMENT, "eth0", NIC, NULL);
    world_add_lifeline(&f->world, DMV_LIFELINE_ROOT, "/", OTHER, "e1000");
    select_release(f);
    think(f);
    assert_int_equal(f->changes.n, 1);
    assert_change(f, 0, "eth0", K1, K2);
    /* and on the way back it is the release that goes */
    world_apply(&f->world, &f->plan);
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    think(f);
    assert_int_equal(f->changes.n, 1);
    assert_change(f, 0, "eth0", K1, K2);
}

/* Another kernel has another module for the device: only that kernel is touched. */
static void test_by_index(void **state)
{
    Fixture *f = *state;
    DmvKernel *k = &f->world.kernels[1];
    DmvBinding *b = DMV_ARRAY_ADD(k->bindings, k->n_bindings);

    assert_non_null(b);
    assert_int_equal(dmv_set_string(&b->slot, OTHER), 0);
    assert_int_equal(dmv_strv_push(&b->modules, "ice"), 0);
    world_add_lifeline(&f->world, DMV_LIFELINE_ROOT, "/", OTHER, "e1000");
    select_release(f);
    think(f);
    assert_int_equal(f->changes.n, 1);
    assert_change(f, 0, "/", K2, NULL);
}

static void test_check(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_ERROR DmvError e = {0};

    think(f);
    assert_int_equal(dmv_lifeline_check(&f->changes, "there is no GRUB", false, &e), 0);
    world_add_lifeline(&f->world, DMV_LIFELINE_ROOT, "/", NIC, "ice");
    world_add_lifeline(&f->world, DMV_LIFELINE_MANAGEMENT, "eth0", NIC, "ice");
    select_release(f);
    think(f);
    assert_int_equal(f->changes.n, 2);
    assert_int_equal(dmv_lifeline_check(&f->changes, NULL, false, &e), 0);
    assert_int_equal(dmv_lifeline_check(&f->changes, "there is no GRUB", true, &e), 0);
    assert_int_equal(dmv_lifeline_check(&f->changes, "there is no GRUB", false, NULL), DMV_LIFELINE);
    assert_int_equal(dmv_lifeline_check(&f->changes, "there is no GRUB", false, &e), DMV_LIFELINE);
    assert_int_equal(e.code, DMV_LIFELINE);
    assert_string_equal(e.why, "ice would change for kernel " K1 " and " K2
                               ", and this host needs it to come back (/ on " NIC
                               "), and for 1 more; nothing would bring it back by itself: there is no GRUB");
    assert_non_null(strstr(e.next, "--accept-lifeline"));
}

static void assert_json(json_object *o, const char *want)
{
    DMV_CLEANUP_JSON json_object *owned = o;

    assert_non_null(o);
    assert_string_equal(json_object_to_json_string_ext(owned, JSON_C_TO_STRING_NOSLASHESCAPE), want);
}

static void test_renderings(void **state)
{
    Fixture *f = *state;

    assert_json(dmv_render_lifelines(&f->world), "[]");
    world_add_lifeline(&f->world, DMV_LIFELINE_ROOT, "/", NIC, "ice");
    world_add_lifeline(&f->world, DMV_LIFELINE_SWAP, "/dev/zram0", NULL, NULL);
    select_release(f);
    think(f);
    assert_json(
        dmv_render_lifelines(&f->world),
        "[{\"kind\":\"root\",\"what\":\"/\",\"chain\":\"/ on " NIC "\",\"devices\":[\"" NIC
        "\"],\"modules\":[\"ice\"]},{\"kind\":\"swap\",\"what\":\"/dev/zram0\",\"chain\":\"/dev/zram0 on "
        "nothing\",\"devices\":[],\"modules\":[]}]");
    assert_json(dmv_render_lifelines_of_slot(&f->world, NIC), "[\"/\"]");
    assert_json(dmv_render_lifelines_of_slot(&f->world, OTHER), "[]");
    assert_json(dmv_render_lifeline_changes(&f->changes),
                "[{\"kind\":\"root\",\"what\":\"/\",\"chain\":\"/ on " NIC
                "\",\"modules\":[\"ice\"],\"kernels\":[\"" K1 "\",\"" K2 "\"]}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test_setup_teardown(test_driver, setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_module, setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_release, setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renderings, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
