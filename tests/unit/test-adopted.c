/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adopted modules: tier, package, effect, what does not fit; and which updates are offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/catalogkit.h"
#include "../support/worldkit.h"
#include "model/adopted.h"

#define K1 "4.19.0+1"
#define K2 "6.1.0-20-amd64"
#define STORE_LINK "../../../dmv/store/" K1 "/intel-ice/dell/1/ice.ko"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvCatalog *catalog;
    DmvSource source;
    DmvView view;
    DmvPlan plan;
    DmvError error;
} Fixture;

static const char *const ice[] = {"ice.ko", NULL};

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const char *const kernels[] = {K1, K2};

    if (!f)
        return -1;
    for (size_t i = 0; i < 2; i++)
        world_add_file(world_add_kernel(&f->world, kernels[i], i == 0), "kernel/net/ice.ko", NULL);
    world_add_device(&f->world, "0000:03:00.0", 0x8086, 0x1592, "ice");
    f->world.depmod_excludes = true;
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
    dmv_error_clear(&f->error);
    (void)dmv_catalog_free(f->catalog);
    free(f);
    return 0;
}

static DmvKernel *kernel(Fixture *f, const char *release)
{
    return &f->world.kernels[strcmp(release, f->world.kernels[0].release) != 0];
}

/* A file of somebody else; @nevra NULL: no package owns it. */
static DmvModuleFile *add_foreign(Fixture *f, const char *release, const char *path, const char *nevra)
{
    DmvModuleFile *x = world_add_file(kernel(f, release), path, NULL);

    x->owner_known = true;
    x->verified = nevra != NULL;
    if (nevra)
        assert_int_equal(dmv_strv_push(&x->packages, nevra), 0);
    return x;
}

static void install(Fixture *f, const char *variant, const char *version, const char *tier)
{
    world_add_id(
        world_add_installed(&f->world, "intel-ice", variant, version, K1, tier, DMV_ORIGIN_STORE, ice),
        "ice.ko", 0x8086, 0x1592);
}

static void choose(Fixture *f, DmvSelectionKind kind, const char *variant, const char *version)
{
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", kind, variant, version, NULL), 0);
}

/* Looks with the index that depmod would have made now. */
static void think(Fixture *f)
{
    const DmvFacts facts = {.world = &f->world,
                            .sources = &f->source,
                            .n_sources = f->catalog ? 1 : 0,
                            .intent = &f->intent,
                            .now = 1000};

    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    world_depmod(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, &f->error), 0);
    assert_int_equal(dmv_view_adopt(&f->view, &f->plan), 0);
    dmv_view_offer(&f->view);
}

static const DmvAdopted *adopted(const Fixture *f, const char *release, const char *path)
{
    const DmvViewDriver *d = dmv_view_driver(&f->view, "intel-ice");

    for (size_t i = 0; i < f->view.n_adopted; i++)
        if (strcmp(f->view.adopted[i].file->path, path) == 0 &&
            strcmp(f->view.adopted[i].kernel->release, release) == 0)
            return &f->view.adopted[i];
    for (size_t i = 0; d && i < d->n_adopted; i++)
        if (strcmp(d->adopted[i].file->path, path) == 0 &&
            strcmp(d->adopted[i].kernel->release, release) == 0)
            return &d->adopted[i];
    fail_msg("%s of %s is not adopted", path, release);
    return NULL;
}

static void assert_words(const Fixture *f, const char *path, const char *effect, const char *owner)
{
    const DmvAdopted *a = adopted(f, K1, path);
    DMV_CLEANUP_FREE char *said = dmv_adopted_effect_words(a), *who = dmv_adopted_owner_words(a);

    assert_string_equal(said, effect);
    if (owner)
        assert_string_equal(who, owner);
}

/* ---- tiers and packages ---- */

static void test_tiers(void **state)
{
    static const struct {
        const char *path, *nevra;
        DmvTier tier;
    } cases[] = {
        {"updates/bnxt_en.ko", "broadcom-bnxt-en-1-1.x86_64", DMV_TIER_SUPPORTED},
        {"override/bnxt_en.ko", "broadcom-bnxt-en-alt-2-1.x86_64", DMV_TIER_ALTERNATE},
        {"extra/ceph.ko", "ceph-module-1-1.x86_64", DMV_TIER_ADDITIONAL},
        {"weak-updates/zfs.ko", "kmod-zfs-4.19.0+1-2:0.8-1.x86_64", DMV_TIER_ADDITIONAL},
        {"override/own.ko", NULL, DMV_TIER_ALTERNATE},
        {"updates/odd.ko", "what-ever-1-1.x86_64", DMV_TIER_SUPPORTED},
    };
    Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        add_foreign(f, K1, cases[i].path, cases[i].nevra);
    world_add_file(kernel(f, K1), "updates/ice.ko", STORE_LINK);
    world_add_file(kernel(f, K1), "other/x.ko", NULL);
    think(f);
    assert_int_equal(f->view.n_adopted, DMV_N_ELEMENTS(cases));
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        const DmvAdopted *a = adopted(f, K1, cases[i].path);

        assert_int_equal(a->tier, cases[i].tier);
        assert_null(a->inconsistencies);
    }
    assert_string_equal(adopted(f, K1, "override/bnxt_en.ko")->name.overrides, "broadcom-bnxt-en");
    assert_string_equal(adopted(f, K1, "weak-updates/zfs.ko")->package, "kmod-zfs-4.19.0+1");
    assert_false(adopted(f, K1, "updates/odd.ko")->has_name);
    assert_words(f, "override/own.ko", "respected: it is what loads", "no package");
    assert_words(f, "updates/odd.ko", "respected: it is what loads", "package what-ever-1-1.x86_64");
}

static void test_owners_in_words(void **state)
{
    Fixture *f = *state;

    assert_int_equal(
        dmv_strv_push(&add_foreign(f, K1, "updates/a.ko", "one-1-1.noarch")->packages, "two-1-1.noarch"), 0);
    world_add_file(kernel(f, K1), "updates/b.ko", NULL);
    think(f);
    assert_words(f, "updates/a.ko", "respected: it is what loads",
                 "package one-1-1.noarch and two-1-1.noarch");
    assert_words(f, "updates/b.ko", "respected: it is what loads", "a package that is not known");
}

/* ---- effects ---- */

static void test_respected(void **state)
{
    Fixture *f = *state;

    f->world.depmod_conf = strdup("search override updates extra built-in weak-updates\n");
    add_foreign(f, K1, "updates/ice.ko", "intel-ice-1-1.x86_64");
    add_foreign(f, K1, "override/ice.ko", "intel-ice-alt-1-1.x86_64");
    think(f);
    assert_true(adopted(f, K1, "override/ice.ko")->wins);
    assert_words(f, "override/ice.ko", "respected: it is what loads", NULL);
    assert_words(f, "updates/ice.ko", "respected: another file is what loads", NULL);
    assert_int_equal(adopted(f, K1, "updates/ice.ko")->effect, DMV_EFFECT_RESPECTED);
}

static void test_beaten(void **state)
{
    Fixture *f = *state;

    install(f, "dell", "1", "supported");
    add_foreign(f, K1, "override/ice.ko", "intel-ice-alt-1-1.x86_64");
    add_foreign(f, K2, "override/ice.ko", "intel-ice-alt-1-1.x86_64");
    choose(f, DMV_SELECT_RELEASE, "dell", "1");
    think(f);
    /* it competes with the driver's module, so it is the driver's; in both kernels */
    assert_int_equal(f->view.n_adopted, 0);
    assert_int_equal(dmv_view_driver(&f->view, "intel-ice")->n_adopted, 2);
    assert_words(f, "override/ice.ko", "beaten by intel-ice/dell@1", NULL);
    assert_string_equal(adopted(f, K2, "override/ice.ko")->beaten_by, "inbox");
    assert_string_equal(dmv_adopted_effect_to_string(adopted(f, K2, "override/ice.ko")->effect), "beaten");
    assert_false(adopted(f, K2, "override/ice.ko")->inbox_selected);
    choose(f, DMV_SELECT_INBOX, NULL, NULL);
    think(f);
    assert_words(f, "override/ice.ko", "beaten by the kernel's own (inbox selected)", NULL);
    choose(f, DMV_SELECT_RELEASE, "gone", "1");
    think(f);
    assert_words(f, "override/ice.ko", "beaten by the kernel's own (what is selected cannot be loaded)",
                 NULL);
    /* without a plan nothing is promised */
    assert_int_equal(dmv_view_adopt(&f->view, NULL), 0);
    assert_words(f, "override/ice.ko", "not known: there is no plan", NULL);
}

/* Where the kernel has no such module there is nothing that could beat the file. */
static void test_nothing_to_beat_it(void **state)
{
    static const char *const both[] = {"ice.ko", "extra_part.ko", NULL};
    Fixture *f = *state;

    world_add_id(
        world_add_installed(&f->world, "intel-ice", "dell", "1", K1, "supported", DMV_ORIGIN_STORE, both),
        "ice.ko", 0x8086, 0x1592);
    add_foreign(f, K1, "extra/extra_part.ko", NULL);
    choose(f, DMV_SELECT_INBOX, NULL, NULL);
    think(f);
    assert_words(f, "extra/extra_part.ko", "respected: it is what loads", "no package");
}

static void test_a_dangling_link(void **state)
{
    Fixture *f = *state;

    world_add_file(kernel(f, K1), "weak-updates/x.ko", "/lib/modules/gone/extra/x.ko")->dangling = true;
    think(f);
    assert_words(f, "weak-updates/x.ko", "of no effect: the link leads nowhere", NULL);
}

/* ---- what does not fit ---- */

static void test_inconsistencies(void **state)
{
    static const struct {
        const char *path, *nevra, *says; /* NULL: nothing */
    } cases[] = {
        {"updates/a.ko", "a-module-alt-1-1.x86_64", "its file lies in updates/ and not in override/"},
        {"override/b.ko", "b-module-1-1.x86_64", "is not called -alt"},
        {"extra/c.ko", "kmod-c-5.4.0-1-1.x86_64", "is for kernel 5.4.0, but"},
        {"extra/d.ko", "kmod-d-4.19.0+1-1-1.x86_64", NULL},
        {"extra/e.ko", "kmod-e-4.19.0+12-1-1.x86_64", "is for kernel 4.19.0+12"},
        {"weak-updates/f.ko", "kmod-f-5.4.0-1-1.x86_64", NULL},
        {"override/g.ko", "g-module-alt-kernel4.19-1-1.x86_64",
         "there are no alternate modules for alternate kernels"},
        {"extra/h.ko", "h-module-kernel4.19-1-1.x86_64", NULL},
        {"extra/i.ko", "i-module-kernel4.1-1-1.x86_64", "alternate kernel 4.1,"},
        {"extra/j.ko", "k-module-1-1.x86_64", "named after another module than j"},
        {"extra/l.ko", "many-modules-1-1.x86_64", NULL},
        {"updates/bnx2x.ko", "qlogic-netxtreme2-1-1.x86_64", NULL},
        {"extra/zfs.ko", "kmod-zfs-4.19.0+1-1-1.x86_64", NULL},
        {"extra/spl.ko", "kmod-zfs-4.19.0+1-1-1.x86_64", NULL}, /* one of its modules has the name */
        {"extra/m.ko", "kmod-m-1-1.x86_64", "it has none of the forms"},
        {"override/n.ko", "whatever-1-1.x86_64", NULL},
    };
    Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++)
        add_foreign(f, K1, cases[i].path, cases[i].nevra);
    think(f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        char *const *said = adopted(f, K1, cases[i].path)->inconsistencies;

        if (!cases[i].says != !said || (said && !strstr(said[0], cases[i].says)))
            fail_msg("%s of %s: %s", cases[i].path, cases[i].nevra, said ? said[0] : "nothing is said");
    }
}

/* ---- JSON ---- */

static void test_render(void **state)
{
    Fixture *f = *state;
    DmvJsonBuilder list = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    json_object *first;

    add_foreign(f, K1, "override/bnxt_en.ko", "broadcom-bnxt-en-alt-2-1.x86_64");
    think(f);
    dmv_jb_array(&list);
    dmv_render_adopted(&list, f->view.adopted, f->view.n_adopted);
    o = dmv_jb_end(&list);
    assert_int_equal(json_object_array_length(o), 1);
    first = json_object_array_get_idx(o, 0);
    assert_string_equal(json_object_to_json_string_ext(first, JSON_C_TO_STRING_PLAIN),
                        "{\"kernel\":\"" K1 "\",\"module\":\"bnxt_en\",\"path\":\"override\\/bnxt_en.ko\","
                        "\"tier\":\"alternate\",\"packages\":[\"broadcom-bnxt-en-alt-2-1.x86_64\"],"
                        "\"ownerKnown\":true,\"verified\":true,"
                        "\"owner\":\"package broadcom-bnxt-en-alt-2-1.x86_64\",\"form\":\"vendor\","
                        "\"alternate\":true,\"overrides\":\"broadcom-bnxt-en\",\"wins\":true,"
                        "\"effect\":\"respected\",\"words\":\"respected: it is what loads\","
                        "\"inconsistencies\":[]}");
}

/* ---- updates ---- */

static CatalogRelease release_of(const char *variant, const char *version, int sequence, const char *tier,
                                 const char *extra)
{
    return (CatalogRelease){.driver = "intel-ice",
                            .variant = variant,
                            .version = version,
                            .sequence = sequence,
                            .extra = extra,
                            .tier = tier,
                            .vendor = 0x8086,
                            .device = 0x1592,
                            .kernels = {K1, K2},
                            .package = strcmp(variant, "alt") == 0 ? "intel-ice-alt" : "intel-ice"};
}

/* Two supported ones, the older recommended if @recommended; two alternates; one additional. */
static void publish(Fixture *f, bool recommended, bool revoked)
{
    const CatalogRelease releases[] = {
        release_of("generic", "1", 1, "supported", recommended ? "\"recommended\":true," : NULL),
        release_of("generic", "2", 4, "supported", revoked ? "\"revoked\":\"it eats disks\"," : NULL),
        release_of("alt", "1", 2, "alternate", NULL),
        release_of("alt", "9", 5, "alternate", NULL),
        release_of("more", "1", 3, "additional", NULL),
    };

    (void)dmv_catalog_free(f->catalog);
    f->catalog = catalog_of("demo", releases, DMV_N_ELEMENTS(releases));
    f->source = (DmvSource){.catalog = f->catalog};
}

/* The offered releases, "generic@2 alt@9". */
static void assert_offered(Fixture *f, const char *expected)
{
    char text[256] = "";
    const DmvViewDriver *d;

    think(f);
    d = dmv_view_driver(&f->view, "intel-ice");
    assert_non_null(d);
    for (size_t i = 0; i < d->n_releases; i++)
        if (d->releases[i].update) {
            strcat(text, text[0] ? " " : "");
            strcat(text, d->releases[i].name + strlen("intel-ice/"));
        }
    assert_string_equal(text, expected);
}

static void test_offered_to_whom(void **state)
{
    Fixture *f = *state;

    /* a host that has nothing: supported ones always, the catalog's word first */
    publish(f, true, false);
    assert_offered(f, "generic@1");
    publish(f, false, false);
    assert_offered(f, "generic@2");
    publish(f, false, true);
    assert_offered(f, "generic@1"); /* the newest was revoked */
    /* a release of the variant: what is newer */
    publish(f, true, false);
    install(f, "generic", "1", "supported");
    assert_offered(f, "generic@2");
    /* an alternate where one is installed */
    install(f, "alt", "1", "alternate");
    assert_offered(f, "alt@9 generic@2");
    install(f, "alt", "9", "alternate");
    install(f, "generic", "2", "supported");
    assert_offered(f, "");
}

/* Another package manager's package counts as well: by its name, and by its version where a catalog has it.
 */
static void test_offered_for_packages(void **state)
{
    Fixture *f = *state;

    publish(f, true, false);
    add_foreign(f, K1, "override/ice.ko", "intel-ice-alt-1-1.x86_64");
    assert_offered(f, "alt@9 generic@1");
    add_foreign(f, K2, "override/ice.ko", "intel-ice-alt-9-1.x86_64");
    assert_offered(f, "generic@1");
}

static void test_not_offered(void **state)
{
    Fixture *f = *state;

    publish(f, false, false);
    choose(f, DMV_SELECT_RELEASE, "generic", "2"); /* selected and not installed: that is no update */
    assert_offered(f, "");
    dmv_intent_deinit(&f->intent);
    f->source.stale = true;
    assert_offered(f, "");
    f->source.stale = false;
    f->world.devices[0].device = 0x9999;
    assert_offered(f, "");
}

/* Offering selects nothing, and what is recommended is neither the newest nor what lies in override/. */
static void test_recommended_is_the_catalogs_word(void **state)
{
    Fixture *f = *state;
    const DmvViewDriver *d;

    publish(f, true, false);
    install(f, "generic", "1", "supported");
    install(f, "generic", "2", "supported");
    install(f, "alt", "9", "alternate");
    add_foreign(f, K1, "override/ice.ko", "intel-ice-alt-9-1.x86_64");
    think(f);
    d = dmv_view_driver(&f->view, "intel-ice");
    assert_null(d->selected);
    assert_int_equal(d->n_targets, 0);
    choose(f, DMV_SELECT_RECOMMENDED, NULL, NULL);
    think(f);
    d = dmv_view_driver(&f->view, "intel-ice");
    assert_string_equal(d->selected->name, "intel-ice/generic@1");
    assert_false(d->outdated);
    assert_words(f, "override/ice.ko", "beaten by intel-ice/generic@1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tiers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owners_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_respected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_beaten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_beat_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_dangling_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inconsistencies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_render, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offered_to_whom, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offered_for_packages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_offered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recommended_is_the_catalogs_word, setup, teardown),
    };

    return cmocka_run_group_tests_name("adopted", tests, NULL, NULL);
}
