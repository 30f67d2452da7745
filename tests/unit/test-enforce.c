/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files a plan is judged by under enforce=yes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/worldkit.h"
#include "model/enforce.h"

#define K1 "6.1.0-1"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvView view;
} Fixture;

static int setup(void **state)
{
    static const char *const modules[] = {"ice.ko", NULL};
    Fixture *f = calloc(1, sizeof(*f));
    DmvKernel *k;

    if (!f)
        return -1;
    k = world_add_kernel(&f->world, K1, true);
    world_add_file(k, "kernel/net/ice.ko", NULL);
    world_add_file(k, "kernel/net/igb.ko", NULL);
    world_add_file(k, "extra/ice.ko", NULL);
    world_add_file(k, "override/igb.ko", NULL);
    world_add_file(k, "updates/ice.ko", "../../../dmv/store/" K1 "/intel-ice/dell/1/ice.ko");
    world_add_device(&f->world, "0000:03:00.0", 0x8086, 0x1592, "ice");
    world_add_id(
        world_add_installed(&f->world, "intel-ice", "dell", "1", K1, "supported", DMV_ORIGIN_STORE, modules),
        "ice.ko", 0x8086, 0x1592);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    free(f);
    return 0;
}

static void resolve(Fixture *f)
{
    const DmvFacts facts = {.world = &f->world, .intent = &f->intent, .now = 1};

    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
}

static void test_nothing_is_managed(void **state)
{
    Fixture *f = *state;
    DmvEnforced *items = NULL;
    size_t n = 0;

    resolve(f);
    assert_int_equal(dmv_enforce_find(&f->view, "usr/lib/modules", &items, &n), 0);
    assert_int_equal(n, 0);
    dmv_enforced_free(items, n);
}

static void test_what_is_managed(void **state)
{
    Fixture *f = *state;
    DmvEnforced *items = NULL;
    size_t n = 0;

    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "dell", "1", NULL), 0);
    resolve(f);
    assert_int_equal(dmv_enforce_find(&f->view, "usr/lib/modules", &items, &n), 0);
    /* the release that is selected, and the file that competes: not the link, not igb, not the kernel's own
     */
    assert_int_equal(n, 2);
    assert_non_null(items[0].installed);
    assert_string_equal(items[0].module, "ice.ko");
    assert_string_equal(items[0].kernel->release, K1);
    assert_null(items[0].file);
    assert_string_equal(items[1].path, "usr/lib/modules/" K1 "/extra/ice.ko");
    assert_non_null(items[1].file);
    dmv_enforced_free(items, n);
}

static void test_only_verified_is_good(void **state)
{
    const DmvKernel k = {.release = (char *)K1};
    const DmvModuleFile file = {.path = (char *)"extra/ice.ko"};
    const DmvEnforced x = {
        .kernel = &k, .file = &file, .path = (char *)"usr/lib/modules/" K1 "/extra/ice.ko"};

    (void)state;
    for (DmvStanding s = 0; s < DMV_STANDING_MAX; s++) {
        const DmvStandingVerdict v = {.standing = s, .severity = "ok", .why = (char *)"because"};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(dmv_enforce_check(&x, &v, &e), s == DMV_STANDING_VERIFIED ? 0 : DMV_UNVERIFIED);
        if (s == DMV_STANDING_VERIFIED)
            continue;
        assert_non_null(strstr(e.why, "extra/ice.ko"));
        assert_non_null(strstr(e.why, dmv_standing_to_string(s)));
        assert_non_null(strstr(e.why, "because"));
        assert_non_null(e.next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_managed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_managed, setup, teardown),
        cmocka_unit_test(test_only_verified_is_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
