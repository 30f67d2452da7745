/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Renderings, compared as whole texts: what is in them is the interface. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/catalogkit.h"
#include "../support/worldkit.h"
#include "model/render.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"

static const char *const ice[] = {"ice.ko", NULL};

/* Takes @o over. */
static void assert_json(json_object *o, const char *want)
{
    DMV_CLEANUP_FREE char *text = NULL;

    assert_non_null(o);
    assert_int_equal(dmv_json_format(o, &text, NULL), 0);
    json_object_put(o);
    assert_string_equal(text, want);
}

/* The member of an object as text, "" if it is not there. */
static const char *member(json_object *o, const char *key)
{
    json_object *v = NULL;

    return json_object_object_get_ex(o, key, &v)
               ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
               : "";
}

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvCatalog *catalog;
    DmvSource source;
    DmvView view;
    DmvPlan plan;
} Fixture;

static void think(Fixture *f)
{
    const DmvFacts facts = {
        .world = &f->world, .sources = &f->source, .n_sources = 1, .intent = &f->intent, .now = 1000};

    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, NULL), 0);
}

/* One card, two kernels; intel-ice/a@2 in a catalog, intel-ice/a@1 there and installed for K1, other/v@1 for
 * other hardware. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const CatalogRelease releases[] = {
        {.driver = "intel-ice",
         .variant = "a",
         .version = "1",
         .sequence = 1,
         .vendor = 0x8086,
         .device = 0x1592,
         .kernels = {K1, K2, "9.9.9"}},
        {.driver = "intel-ice",
         .variant = "a",
         .version = "2",
         .sequence = 2,
         .vendor = 0x8086,
         .device = 0x1592,
         .extra = "\"recommended\":true,\"description\":\"Words\",\"trial\":{\"boots\":2,\"hours\":24},",
         .kernels = {K1}},
        {.driver = "other",
         .variant = "v",
         .version = "1",
         .module = "other",
         .vendor = 0x1af4,
         .device = 1,
         .kernels = {K1}},
    };

    if (!f)
        return -1;
    world_add_file(world_add_kernel(&f->world, K1, true), "kernel/net/ice.ko", NULL);
    world_add_file(world_add_kernel(&f->world, K2, false), "kernel/net/ice.ko", NULL);
    world_add_device(&f->world, "0000:03:00.0", 0x8086, 0x1592, "ice");
    world_add_installed(&f->world, "intel-ice", "a", "1", K1, "supported", DMV_ORIGIN_STORE, ice);
    world_depmod(&f->world);
    f->catalog = catalog_of("first", releases, DMV_N_ELEMENTS(releases));
    f->source.catalog = f->catalog;
    think(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    (void)dmv_catalog_free(f->catalog);
    free(f);
    return 0;
}

static void test_problems(void **state)
{
    DmvProblems p = {0};

    (void)state;
    assert_json(dmv_render_problems(&p), "[]");
    (void)dmv_problem_add(&p, "a/b", DMV_MALFORMED, "line %d\x01", 3);
    (void)dmv_problem_add(&p, NULL, -ENOSPC, "%s", "full");
    assert_json(dmv_render_problems(&p), "[{\"object\":\"a/b\",\"reason\":\"malformed\",\"why\":\"line 3?\"},"
                                         "{\"object\":\"\",\"reason\":\"no-space\",\"why\":\"full\"}]");
    dmv_problems_deinit(&p);
}

static void test_devices(void **state)
{
    static const char card[] =
        "{\"slot\":\"0000:03:00.0\",\"vendorId\":\"8086\",\"deviceId\":\"1592\",\"subvendorId\":\"1028\","
        "\"subdeviceId\":\"0001\",\"classId\":\"020000\",\"vendor\":\"Intel\","
        "\"modalias\":\"pci:v00008086d00001592sv00001028sd00000001bc02sc00i00\",\"boundDriver\":\"ice\","
        "\"module\":\"ice\",\"interfaces\":[\"eth0\"],\"blocks\":[],\"virtualFunctions\":1,"
        "\"drivers\":[\"intel-ice\"],\"lifelines\":[\"eth0\"]}";
    static const char function[] =
        "{\"slot\":\"0000:03:01.0\",\"vendorId\":\"8086\",\"deviceId\":\"1889\",\"subvendorId\":\"1028\","
        "\"subdeviceId\":\"0001\",\"classId\":\"020000\","
        "\"modalias\":\"pci:v00008086d00001889sv00001028sd00000001bc02sc00i00\",\"interfaces\":[],\"blocks\":"
        "[],"
        "\"physicalFunction\":\"0000:03:00.0\",\"virtualFunctions\":0,\"drivers\":[],\"lifelines\":[]}";
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *one = NULL;
    DMV_CLEANUP_FREE char *both = NULL;

    assert_int_equal(dmv_set_string(&f->world.devices[0].vendor_name, "Intel"), 0);
    assert_int_equal(dmv_strv_push(&f->world.devices[0].interfaces, "eth0"), 0);
    f->world.devices[0].n_vfs = 1;
    world_add_lifeline(&f->world, DMV_LIFELINE_MANAGEMENT, "eth0", "0000:03:00.0", "ice");
    assert_int_equal(
        dmv_set_string(&world_add_device(&f->world, "0000:03:01.0", 0x8086, 0x1889, NULL)->physfn,
                       "0000:03:00.0"),
        0);
    think(f);
    assert_true(asprintf(&one, "[%s]", card) > 0);
    assert_true(asprintf(&both, "[%s,%s]", card, function) > 0);
    assert_json(dmv_render_devices(&f->view, false), one);
    assert_json(dmv_render_devices(&f->view, true), both);
}

static void test_driver(void **state)
{
    Fixture *f = *state;

    assert_json(
        dmv_render_driver(dmv_view_driver(&f->view, "intel-ice"), NULL, DMV_FILTER_ALL),
        "{\"name\":\"intel-ice\",\"type\":\"network\",\"description\":\"Words\",\"selection\":\"none\","
        "\"rebootNeeded\":false,\"staged\":false,\"pinned\":false,\"recommended\":\"intel-ice/"
        "a@2\",\"outdated\":false,"
        "\"modules\":[{\"name\":\"ice\",\"loaded\":false,\"next\":\"inbox\"}],\"devices\":[\"0000:03:00.0\"],"
        "\"lifeline\":false,\"lifelines\":[],\"releases\":["
        "{\"name\":\"intel-ice/"
        "a@2\",\"driver\":\"intel-ice\",\"variant\":\"a\",\"version\":\"2\",\"verdict\":\"fits\","
        "\"reasons\":[\"it supports device 0000:03:00.0\"],\"tier\":\"alternate\",\"status\":\"beta\","
        "\"description\":\"Words\",\"priority\":50,\"sequence\":2,\"stream\":\"first\",\"trialBoots\":2,"
        "\"trialHours\":24,\"downloadSize\":1000,"
        "\"recommended\":true,\"kernels\":[\"" K1
        "\"],\"installedFor\":[],\"available\":true,\"installed\":false,"
        "\"selected\":false,\"staged\":false,\"active\":false,\"modules\":[\"ice\"],\"devices\":[\"0000:03:"
        "00.0\"]},"
        "{\"name\":\"intel-ice/"
        "a@1\",\"driver\":\"intel-ice\",\"variant\":\"a\",\"version\":\"1\",\"verdict\":\"fits\","
        "\"reasons\":[\"it supports device "
        "0000:03:00.0\"],\"tier\":\"alternate\",\"status\":\"beta\",\"priority\":50,"
        "\"sequence\":1,\"stream\":\"first\",\"downloadSize\":1000,\"recommended\":false,\"origin\":"
        "\"store\","
        "\"kernels\":[\"" K1 "\",\"" K2 "\"],\"installedFor\":[\"" K1 "\"],\"kernelFits\":[{\"kernel\":\"" K1
        "\",\"fit\":\"exact\"},{\"kernel\":\"" K2
        "\",\"fit\":\"available\"}],\"available\":true,\"installed\":true,"
        "\"selected\":false,\"staged\":false,\"active\":false,\"modules\":[\"ice\"],\"devices\":[\"0000:03:"
        "00.0\"]}],"
        "\"problems\":[]}");
}

/* What is only installed is described by its own words. */
static void test_driver_without_a_catalog(void **state)
{
    Fixture *f = *state;
    DmvInstalled *x =
        world_add_installed(&f->world, "site", "v", "1", K1, "additional", DMV_ORIGIN_XENSERVER, ice);
    json_object *o, *r;

    assert_int_equal(dmv_set_string(&x->description, "Site\nwords"), 0);
    assert_int_equal(dmv_set_string(&x->status, "test"), 0);
    x->priority = 7;
    think(f);
    o = dmv_render_driver(dmv_view_driver(&f->view, "site"), NULL, DMV_FILTER_ALL);
    r = json_object_array_get_idx(json_object_object_get(o, "releases"), 0);
    assert_string_equal(member(r, "tier"), "\"additional\"");
    assert_string_equal(member(r, "status"), "\"test\"");
    assert_string_equal(member(r, "description"), "\"Site?words\"");
    assert_string_equal(member(r, "priority"), "7");
    assert_string_equal(member(r, "origin"), "\"xenserver\"");
    assert_string_equal(member(r, "available"), "false");
    assert_string_equal(member(r, "sequence"), "");
    assert_string_equal(member(r, "stream"), "");
    assert_string_equal(member(r, "downloadSize"), "");
    json_object_put(o);
}

static void test_a_selected_driver(void **state)
{
    Fixture *f = *state;
    DmvLoaded *l = DMV_ARRAY_ADD(f->world.loaded, f->world.n_loaded);
    json_object *o, *module;

    assert_non_null(l);
    assert_int_equal(dmv_set_string(&l->name, "ice"), 0);
    assert_int_equal(dmv_set_string(&l->build_id, "1234"), 0);
    assert_int_equal(dmv_set_string(&l->version, "9"), 0);
    assert_int_equal(dmv_set_string(&l->srcversion, "ABC"), 0);
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "a", "1", NULL), 0);
    assert_int_equal(dmv_intent_pin(&f->intent, "intel-ice", "ticket 7", 1700000000), 0);
    think(f);
    o = dmv_render_driver(dmv_view_driver(&f->view, "intel-ice"), &f->plan, DMV_FILTER_INSTALLED);
    assert_string_equal(member(o, "selection"), "\"a@1\"");
    assert_string_equal(member(o, "selectedRelease"), "\"intel-ice/a@1\"");
    assert_string_equal(member(o, "activeRelease"), "");
    assert_string_equal(member(o, "staged"), "true");
    assert_string_equal(member(o, "pinned"), "true");
    assert_string_equal(member(o, "pinReason"), "\"ticket 7\"");
    assert_string_equal(member(o, "pinUntil"), "\"2023-11-14T22:13:20Z\"");
    assert_string_equal(member(o, "outdated"), "true");
    assert_int_equal(json_object_array_length(json_object_object_get(o, "releases")), 1);
    assert_string_equal(member(json_object_array_get_idx(json_object_object_get(o, "releases"), 0), "staged"),
                        "true");
    assert_int_equal(json_object_array_length(json_object_object_get(o, "problems")),
                     1); /* not there for K2 */
    module = json_object_array_get_idx(json_object_object_get(o, "modules"), 0);
    assert_string_equal(
        json_object_to_json_string_ext(module, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
        "{\"name\":\"ice\",\"loaded\":true,\"proof\":\"none\",\"version\":\"9\",\"srcversion\":\"ABC\","
        "\"buildId\":\"1234\",\"next\":\"inbox\"}");
    json_object_put(o);
}

static void assert_names(json_object *list, const char *want)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    assert_non_null(list);
    dmv_text_append(&t, "");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        dmv_text_append(&t, i ? " " : "");
        dmv_text_append(
            &t, json_object_get_string(json_object_object_get(json_object_array_get_idx(list, i), "name")));
    }
    json_object_put(list);
    assert_string_equal(t.data, want);
}

static void test_drivers_and_filters(void **state)
{
    Fixture *f = *state;

    assert_names(dmv_render_drivers(&f->view, NULL, DMV_FILTER_ALL), "intel-ice other");
    assert_names(dmv_render_drivers(&f->view, NULL, DMV_FILTER_FITTING), "intel-ice");
    assert_names(dmv_render_drivers(&f->view, NULL, DMV_FILTER_INSTALLED), "intel-ice");
    /* what was asked for is shown even if nothing of it is there */
    assert_int_equal(dmv_intent_select(&f->intent, "gone", DMV_SELECT_RELEASE, "v", "1", NULL), 0);
    think(f);
    assert_names(dmv_render_drivers(&f->view, NULL, DMV_FILTER_FITTING), "gone intel-ice");
    assert_names(dmv_render_drivers(&f->view, NULL, DMV_FILTER_ALL), "gone intel-ice other");
    assert_names(dmv_render_drivers(&f->view, NULL, DMV_FILTER_INSTALLED), "intel-ice");
}

static void test_filter(void **state)
{
    static const struct {
        DmvViewRelease r;
        bool fitting, installed;
    } cases[] = {
        {{.verdict = DMV_VERDICT_FITS}, true, false},
        {{.verdict = DMV_VERDICT_NO_HARDWARE}, false, false},
        {{.verdict = DMV_VERDICT_NO_HARDWARE, .n_installed = 1}, true, true},
        {{.verdict = DMV_VERDICT_REVOKED, .selected = true}, true, false},
        {{.verdict = DMV_VERDICT_BROKEN, .active = true}, true, false},
    };

    (void)state;
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        assert_true(dmv_filter_passes(DMV_FILTER_ALL, &cases[i].r));
        assert_int_equal(dmv_filter_passes(DMV_FILTER_FITTING, &cases[i].r), cases[i].fitting);
        assert_int_equal(dmv_filter_passes(DMV_FILTER_INSTALLED, &cases[i].r), cases[i].installed);
    }
}

static void test_plan_changes_driver(void **state)
{
    Fixture *f = *state;
    const DmvViewDriver *d = dmv_view_driver(&f->view, "intel-ice");

    assert_false(dmv_plan_changes_driver(NULL, d));
    assert_false(dmv_plan_changes_driver(&f->plan, d));
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    think(f);
    /* the kernel's own is what loads now */
    assert_false(dmv_plan_changes_driver(&f->plan, dmv_view_driver(&f->view, "intel-ice")));
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "a", "1", NULL), 0);
    think(f);
    assert_true(dmv_plan_changes_driver(&f->plan, dmv_view_driver(&f->view, "intel-ice")));
    assert_false(dmv_plan_changes_driver(&f->plan, dmv_view_driver(&f->view, "other")));
}

static void test_kernels(void **state)
{
    Fixture *f = *state;

    f->world.kernels[1].has_index = false;
    assert_json(dmv_render_kernels(&f->world),
                "[{\"release\":\"" K1
                "\",\"running\":true,\"hasIndex\":true,\"alternate\":false,\"inQuestion\":true},"
                "{\"release\":\"" K2
                "\",\"running\":false,\"hasIndex\":false,\"alternate\":false,\"inQuestion\":false}]");
}

/* What a release that was installed for one kernel is to another one. */
static void test_fits(void **state)
{
    static const char *const symbols[] = {"_printk=2", NULL}, *const others[] = {"_printk=3", NULL};
    Fixture *f = *state;
    DmvInstalled *x =
        world_add_installed(&f->world, "site", "v", "1", K1, "supported", DMV_ORIGIN_STORE, ice);
    json_object *o, *fits = NULL;

    world_set_symbols(&x->modules[0], K1, symbols, NULL);
    for (int i = 0; i < 2; i++) {
        world_set_abi(&f->world.kernels[1], true, i == 0 ? symbols : others);
        dmv_world_sort(&f->world);
        think(f);
        o = dmv_render_driver(dmv_view_driver(&f->view, "site"), NULL, DMV_FILTER_ALL);
        assert_true(json_object_object_get_ex(
            json_object_array_get_idx(json_object_object_get(o, "releases"), 0), "kernelFits", &fits));
        assert_json(json_object_get(fits),
                    i == 0 ? "[{\"kernel\":\"" K1 "\",\"fit\":\"exact\"},{\"kernel\":\"" K2
                             "\",\"fit\":\"compatible\",\"builtFor\":\"" K1 "\"}]"
                           : "[{\"kernel\":\"" K1 "\",\"fit\":\"exact\"},{\"kernel\":\"" K2
                             "\",\"fit\":\"none\",\"why\":\"the one for kernel " K1
                             " does not fit: ice.ko: it needs version 0x00000002 of _printk, and there it is "
                             "0x00000003\"}]");
        json_object_put(o);
    }
}

static void test_steps_and_predictions(void **state)
{
    char path[] = "p", content[] = "a\nb\n", kernel[] = K1, module[] = "ice", now[] = "kernel/ice.ko",
         next[] = "updates/ice.ko", inbox[] = "inbox", release[] = "d/v@1";
    DmvStep steps[] = {{.kind = DMV_STEP_WRITE, .path = path, .content = content},
                       {.kind = DMV_STEP_DEPMOD, .kernel = kernel}};
    DmvPrediction predictions[] = {{kernel, module, now, next, inbox, release, true, false},
                                   {kernel, module, NULL, NULL, NULL, NULL, false, false}};
    const DmvPlan p = {.steps = steps, .n_steps = 2, .predictions = predictions, .n_predictions = 2},
                  nothing = {0};

    (void)state;
    assert_json(dmv_render_steps(&p), "[{\"action\":\"write\",\"path\":\"p\",\"content\":\"a\\nb\\n\"},"
                                      "{\"action\":\"depmod\",\"kernel\":\"" K1 "\"}]");
    assert_json(dmv_render_predictions(&p),
                "[{\"kernel\":\"" K1
                "\",\"module\":\"ice\",\"now\":\"kernel/ice.ko\",\"next\":\"updates/ice.ko\","
                "\"nowRelease\":\"inbox\",\"nextRelease\":\"d/v@1\",\"changed\":true},"
                "{\"kernel\":\"" K1 "\",\"module\":\"ice\",\"changed\":false}]");
    assert_json(dmv_render_steps(&nothing), "[]");
    assert_json(dmv_render_predictions(&nothing), "[]");
}

static void test_generation(void **state)
{
    DmvGenerations g = {0};
    DMV_CLEANUP_INTENT DmvIntent intent = {0};
    DmvGeneration *x = NULL;

    (void)state;
    assert_int_equal(dmv_intent_select(&intent, "a", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_intent_select(&intent, "b", DMV_SELECT_RELEASE, "v", "1", NULL), 0);
    assert_int_equal(dmv_generations_stage(&g, &intent, 1700000000, &x), 0);
    assert_json(dmv_render_generation(&g, x),
                "{\"number\":1,\"state\":\"staged\",\"created\":\"2023-11-14T22:13:20Z\","
                "\"selections\":[\"a inbox\",\"b v@1\"],\"current\":false}");
    dmv_generations_activated(&g, 1700000001);
    assert_int_equal(dmv_generations_mark_bad(&g, 1, "no link"), 0);
    assert_json(dmv_render_generation(&g, x),
                "{\"number\":1,\"state\":\"bad\",\"created\":\"2023-11-14T22:13:20Z\",\"activated\":\"2023-"
                "11-14T22:13:21Z\","
                "\"reason\":\"no link\",\"selections\":[\"a inbox\",\"b v@1\"],\"current\":true}");
    dmv_generations_deinit(&g);
}

static void test_history_entry(void **state)
{
    char action[] = "select", object[] = "ice", outcome[] = "ok", detail[] = "d", because[] = "b";
    DmvHistoryEntry full = {1, 1700000000, action, object, outcome, detail, because, 0, 0, true, {0}, {0}};
    const DmvHistoryEntry bare = {2, 1700000000, action, NULL, outcome, NULL, NULL, -1, -1, true, {0}, {0}};

    (void)state;
    assert_json(dmv_render_history_entry(&full),
                "{\"number\":1,\"time\":\"2023-11-14T22:13:20Z\",\"action\":\"select\",\"object\":\"ice\","
                "\"outcome\":\"ok\","
                "\"detail\":\"d\",\"because\":\"b\",\"uid\":0,\"generation\":0}");
    assert_int_equal(dmv_intent_select(&full.before, "ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_intent_pin(&full.before, "ice", NULL, 0), 0);
    assert_int_equal(dmv_intent_select(&full.after, "aq", DMV_SELECT_RELEASE, "dell", "1", NULL), 0);
    full.object = full.detail = full.because = NULL;
    assert_json(dmv_render_history_entry(&full),
                "{\"number\":1,\"time\":\"2023-11-14T22:13:20Z\",\"action\":\"select\",\"outcome\":\"ok\","
                "\"uid\":0,\"generation\":0,\"changes\":["
                "{\"driver\":\"ice\",\"before\":\"inbox\",\"after\":\"none\",\"pinnedBefore\":true,"
                "\"pinnedAfter\":false},"
                "{\"driver\":\"aq\",\"before\":\"none\",\"after\":\"dell@1\",\"pinnedBefore\":false,"
                "\"pinnedAfter\":false}]}");
    dmv_intent_deinit(&full.before);
    dmv_intent_deinit(&full.after);
    assert_json(dmv_render_history_entry(&bare),
                "{\"number\":2,\"time\":\"2023-11-14T22:13:20Z\",\"action\":\"select\",\"outcome\":\"ok\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems),
        TEST(test_devices),
        TEST(test_driver),
        TEST(test_driver_without_a_catalog),
        TEST(test_a_selected_driver),
        TEST(test_drivers_and_filters),
        cmocka_unit_test(test_filter),
        TEST(test_plan_changes_driver),
        TEST(test_kernels),
        TEST(test_fits),
        cmocka_unit_test(test_steps_and_predictions),
        cmocka_unit_test(test_generation),
        cmocka_unit_test(test_history_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
