/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a trial has to show: whose word counts, and the larger one of two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/catalogkit.h"
#include "../support/worldkit.h"
#include "model/demand.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"
#define CARD 0x1592
#define NO_CARD 0x9999

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvCatalog *catalog;
    DmvSource source;
    DmvView view;
} Fixture;

static const DmvDemand nothing = {0, 0};

/* A module and a driver of the same name, with a release v@1 that a catalog lists. */
static CatalogRelease release_of(const char *name, unsigned device, const char *trial)
{
    return (CatalogRelease){.driver = name,
                            .variant = "v",
                            .version = "1",
                            .sequence = 1,
                            .extra = trial,
                            .module = name,
                            .vendor = 0x8086,
                            .device = device,
                            .kernels = {K1, K2}};
}

/* Two kernels and one card; "nic" and "hba" are for the card, "usb" is for one that is not here, "old" asks
 * for nothing. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const char *const kernels[] = {K1, K2};
    const CatalogRelease releases[] = {
        release_of("nic", CARD, "\"trial\":{\"boots\":3,\"hours\":1},"),
        release_of("hba", CARD, "\"trial\":{\"hours\":48},"),
        release_of("usb", NO_CARD, "\"trial\":{\"boots\":100,\"hours\":2160},"),
        release_of("old", CARD, NULL),
    };

    if (!f)
        return -1;
    for (size_t i = 0; i < 2; i++)
        world_add_file(world_add_kernel(&f->world, kernels[i], i == 0), "kernel/net/nic.ko", NULL);
    world_add_device(&f->world, "0000:03:00.0", 0x8086, CARD, "nic");
    f->catalog = catalog_of("first", releases, DMV_N_ELEMENTS(releases));
    f->source.catalog = f->catalog;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    (void)dmv_catalog_free(f->catalog);
    free(f);
    return 0;
}

static void choose(Fixture *f, const char *driver, DmvSelectionKind kind)
{
    bool named = kind == DMV_SELECT_RELEASE;

    assert_int_equal(
        dmv_intent_select(&f->intent, driver, kind, named ? "v" : NULL, named ? "1" : NULL, NULL), 0);
}

/* The release is on the disk, for one kernel. */
static void install(Fixture *f, const char *driver, const char *kernel)
{
    DMV_CLEANUP_FREE char *file = NULL;
    const char *modules[] = {NULL, NULL};

    assert_true(asprintf(&file, "%s.ko", driver) > 0);
    modules[0] = file;
    world_add_id(
        world_add_installed(&f->world, driver, "v", "1", kernel, "supported", DMV_ORIGIN_STORE, modules),
        file, 0x8086, strcmp(driver, "usb") == 0 ? NO_CARD : CARD);
}

static void select_installed(Fixture *f, const char *driver)
{
    install(f, driver, K1);
    choose(f, driver, DMV_SELECT_RELEASE);
}

static void load(Fixture *f, const char *module, const char *build_id)
{
    DmvLoaded *l = DMV_ARRAY_ADD(f->world.loaded, f->world.n_loaded);

    assert_non_null(l);
    assert_int_equal(dmv_set_string(&l->name, module), 0);
    assert_int_equal(dmv_set_string(&l->build_id, build_id), 0);
}

static void assert_demand(Fixture *f, bool proven, DmvDemand host, int64_t boots, int64_t seconds)
{
    const DmvFacts facts = {
        .world = &f->world, .sources = &f->source, .n_sources = 1, .intent = &f->intent, .now = 1000};
    DmvDemand got;

    dmv_view_deinit(&f->view);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    got = dmv_view_demand(&f->view, proven, host);
    assert_int_equal(got.boots, boots);
    assert_int_equal(got.seconds, seconds);
}

static void test_nobody_asks(void **state)
{
    Fixture *f = *state;

    install(f, "nic", K1);
    assert_demand(f, true, nothing, 0, 0); /* not selected */
    choose(f, "nic", DMV_SELECT_INBOX);
    assert_demand(f, false, nothing, 0, 0);
    select_installed(f, "old");
    assert_demand(f, false, nothing, 0, 0);
    assert_demand(f, false, (DmvDemand){2, 60}, 2, 60); /* but the host does */
}

static void test_the_larger_one_counts(void **state)
{
    Fixture *f = *state;

    select_installed(f, "nic");
    assert_demand(f, true, nothing, 3, 3600);
    assert_demand(f, true, (DmvDemand){2, 3601}, 3, 3601);
    assert_demand(f, true, (DmvDemand){4, 60}, 4, 3600);
    select_installed(f, "hba");
    assert_demand(f, true, nothing, 3, 48 * 3600); /* each by itself */
}

static void test_what_is_proven_stays_as_it_is(void **state)
{
    Fixture *f = *state;

    select_installed(f, "nic");
    select_installed(f, "hba");
    load(f, "nic", "nic-v-1-" K1);
    assert_demand(f, true, nothing, 0, 48 * 3600);
    assert_demand(f, false, nothing, 3, 48 * 3600); /* it runs, and is on trial itself */
    assert_int_equal(dmv_set_string(&f->world.loaded[0].build_id, "another"), 0);
    assert_demand(f, true, nothing, 3, 48 * 3600);
}

static void test_the_proof_is_of_the_release(void **state)
{
    Fixture *f = *state;

    select_installed(f, "nic");
    install(f, "nic", K2);
    load(f, "nic", "nic-v-1-" K1);
    assert_demand(f, true, nothing, 0, 0);
}

static void test_what_is_not_tried_here(void **state)
{
    Fixture *f = *state;

    choose(f, "nic", DMV_SELECT_RELEASE); /* not installed: the kernel's own will be loaded */
    assert_demand(f, true, nothing, 0, 0);
    install(f, "nic", K2); /* for another kernel than the one that runs */
    assert_demand(f, true, nothing, 3, 3600);
    choose(f, "nic", DMV_SELECT_INBOX);
    select_installed(f, "usb"); /* no boot would load it */
    assert_demand(f, false, nothing, 0, 0);
    load(f, "usb", "another");
    assert_demand(f, true, nothing, 100, 2160 * 3600);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_asks),
        TEST(test_the_larger_one_counts),
        TEST(test_what_is_proven_stays_as_it_is),
        TEST(test_the_proof_is_of_the_release),
        TEST(test_what_is_not_tried_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
