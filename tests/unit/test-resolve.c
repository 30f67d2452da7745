/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The View: verdicts and their reasons, what a selection means for each kernel, what runs, and how things are
 * found. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/catalogkit.h"
#include "../support/worldkit.h"
#include "model/module-policy.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"
#define SLOT "0000:03:00.0"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvCatalog *catalogs[2];
    DmvSource sources[2];
    size_t n_sources;
    DmvView view;
    DmvError error;
} Fixture;

static const char *const ice[] = {"ice.ko", NULL};
static const char *const ice_irdma[] = {"ice.ko", "irdma.ko", NULL};

/* Two kernels with an ice.ko and an irdma.ko of their own, one card. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const char *const kernels[] = {K1, K2};

    if (!f)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        DmvKernel *k = world_add_kernel(&f->world, kernels[i], i == 0);

        world_add_file(k, "kernel/net/ice.ko", NULL);
        world_add_file(k, "kernel/net/irdma.ko", NULL);
    }
    world_add_device(&f->world, SLOT, 0x8086, 0x1592, "ice");
    world_depmod(&f->world);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    dmv_error_clear(&f->error);
    for (size_t i = 0; i < 2; i++)
        (void)dmv_catalog_free(f->catalogs[i]);
    free(f);
    return 0;
}

static void publish(Fixture *f, const CatalogRelease *releases, size_t n)
{
    f->catalogs[f->n_sources] = catalog_of(f->n_sources ? "second" : "first", releases, n);
    f->sources[f->n_sources].catalog = f->catalogs[f->n_sources];
    f->n_sources++;
}

static void think(Fixture *f)
{
    const DmvFacts facts = {.world = &f->world,
                            .sources = f->sources,
                            .n_sources = f->n_sources,
                            .intent = &f->intent,
                            .now = 1000};

    dmv_view_deinit(&f->view);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
}

static void choose(Fixture *f, DmvSelectionKind kind, const char *variant, const char *version)
{
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", kind, variant, version, NULL), 0);
}

/* For the kernels of the list, with an id for the card. */
static void install(Fixture *f, const char *variant, const char *version, const char *const modules[],
                    const char *k1, const char *k2)
{
    const char *const kernels[] = {k1, k2};

    for (size_t i = 0; i < 2; i++)
        if (kernels[i])
            world_add_id(world_add_installed(&f->world, "intel-ice", variant, version, kernels[i],
                                             "supported", DMV_ORIGIN_STORE, modules),
                         "ice.ko", 0x8086, 0x1592);
}

static DmvLoaded *load(Fixture *f, const char *name, const char *build_id)
{
    DmvLoaded *l = DMV_ARRAY_ADD(f->world.loaded, f->world.n_loaded);

    assert_non_null(l);
    assert_int_equal(dmv_set_string(&l->name, name), 0);
    assert_int_equal(dmv_set_string(&l->build_id, build_id), 0);
    return l;
}

static DmvViewDriver *driver(const Fixture *f)
{
    DmvViewDriver *d = dmv_view_driver(&f->view, "intel-ice");

    assert_non_null(d);
    return d;
}

static DmvViewRelease *release(const Fixture *f, const char *name)
{
    for (size_t i = 0; i < driver(f)->n_releases; i++)
        if (strcmp(driver(f)->releases[i].name, name) == 0)
            return &driver(f)->releases[i];
    fail_msg("no release %s", name);
    return NULL;
}

/* The verdict, and that the reason that decided says so. */
static void assert_verdict(const Fixture *f, const char *name, DmvVerdict verdict, const char *why)
{
    const DmvViewRelease *r = release(f, name);

    assert_string_equal(dmv_verdict_to_string(r->verdict), dmv_verdict_to_string(verdict));
    assert_true(r->why < dmv_strv_length(r->reasons));
    if (!strstr(r->reasons[r->why], why))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, r->reasons[r->why], why);
}

/* A release of intel-ice for the card and both kernels. */
static CatalogRelease ice_release(const char *variant, const char *version, int sequence, const char *extra)
{
    return (CatalogRelease){.driver = "intel-ice",
                            .variant = variant,
                            .version = version,
                            .sequence = sequence,
                            .extra = extra,
                            .vendor = 0x8086,
                            .device = 0x1592,
                            .kernels = {K1, K2}};
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_FITS), "fits");
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_NO_HARDWARE), "no_hardware");
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_OTHER_MACHINE), "other_machine");
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_NO_KERNEL), "no_kernel");
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_REVOKED), "revoked");
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_BROKEN), "broken");
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_MAX), "invalid");
    assert_string_equal(dmv_verdict_to_string(DMV_VERDICT_INVALID), "invalid");
}

static void test_nothing(void **state)
{
    Fixture *f = *state;

    think(f);
    assert_int_equal(f->view.n_drivers, 0);
    assert_false(f->view.reboot_needed);
    assert_null(dmv_view_driver(&f->view, "intel-ice"));
}

static void test_verdicts(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {
        ice_release("a", "1", 1, NULL),
        ice_release("b", "1", 1, NULL),
        ice_release("c", "1", 1, "\"dmi\":[{\"vendor\":\"Dell*\"}],"),
        ice_release("d", "1", 1, NULL),
        ice_release("e", "1", 1, "\"revoked\":\"eats packets\","),
        ice_release("f", "1", 1, "\"revoked\":\"eats packets\","),
    };

    releases[1].device = releases[5].device = 0x9999;
    releases[3].kernels[0] = "9.9.9";
    releases[3].kernels[1] = releases[5].kernels[0] = NULL;
    publish(f, releases, DMV_N_ELEMENTS(releases));
    install(f, "g", "1", ice, K1, NULL);
    assert_int_equal(dmv_set_string(&f->world.installed[0].problem, "info.json is gone"), 0);
    think(f);
    assert_verdict(f, "intel-ice/a@1", DMV_VERDICT_FITS, "it supports device " SLOT);
    assert_verdict(f, "intel-ice/b@1", DMV_VERDICT_NO_HARDWARE, "no device of this host");
    assert_verdict(f, "intel-ice/c@1", DMV_VERDICT_OTHER_MACHINE, "(unknown vendor) (unknown model)");
    assert_verdict(f, "intel-ice/d@1", DMV_VERDICT_NO_KERNEL, "none of the installed kernels");
    assert_verdict(f, "intel-ice/e@1", DMV_VERDICT_REVOKED, "eats packets");
    assert_verdict(f, "intel-ice/f@1", DMV_VERDICT_REVOKED, "eats packets");
    assert_int_equal(dmv_strv_length(release(f, "intel-ice/f@1")->reasons), 3); /* the others are said too */
    assert_verdict(f, "intel-ice/g@1", DMV_VERDICT_BROKEN, "info.json is gone");
    assert_true(dmv_strv_contains(release(f, "intel-ice/g@1")->reasons, "no catalog lists it"));
    assert_string_equal(release(f, "intel-ice/a@1")->kernels[1], K2);
    assert_null(release(f, "intel-ice/d@1")->kernels);
    assert_string_equal(release(f, "intel-ice/a@1")->modules[0], "ice");
}

static void test_machines(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {
        ice_release("any", "1", 1, NULL),
        ice_release("dell", "1", 1,
                    "\"dmi\":[{\"vendor\":\"Dell*\",\"product\":\"PowerEdge R6*\"},{\"vendor\":\"HPE\"}],"),
    };
    static const struct {
        const char *vendor, *product;
        bool fits;
    } cases[] = {
        {"Dell Inc.", "PowerEdge R650", true},
        {"Dell Inc.", "PowerEdge R740", false},
        {"Dell Inc.", NULL, false},
        {"HPE", NULL, true},
        {"HPE", "anything", true},
        {"Lenovo", "PowerEdge R650", false},
        {NULL, NULL, false},
    };

    publish(f, releases, 2);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        assert_int_equal(dmv_set_string(&f->world.dmi_vendor, cases[i].vendor), 0);
        assert_int_equal(dmv_set_string(&f->world.dmi_product, cases[i].product), 0);
        assert_true(dmv_release_fits_machine(dmv_catalog_release(f->catalogs[0], "intel-ice", "any", "1"),
                                             &f->world));
        assert_int_equal(dmv_release_fits_machine(
                             dmv_catalog_release(f->catalogs[0], "intel-ice", "dell", "1"), &f->world),
                         cases[i].fits);
    }
}

static void test_a_stale_catalog_is_said(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {ice_release("a", "1", 1, NULL)};

    publish(f, releases, 1);
    f->sources[0].stale = true;
    think(f);
    assert_true(
        dmv_strv_contains(release(f, "intel-ice/a@1")->reasons, "the catalog of stream first has expired"));
    assert_verdict(f, "intel-ice/a@1", DMV_VERDICT_FITS, "it supports");
}

/* One release from everywhere: two catalogs list it, and it is installed for two kernels. */
static void test_merge(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {ice_release("a", "1", 1, NULL), ice_release("a", "10", 3, NULL),
                                 ice_release("a", "9", 2, NULL)};

    publish(f, releases, 3);
    publish(f, releases, 1);
    install(f, "a", "1", ice_irdma, K1, K2);
    install(f, "a", "0", ice, K1, NULL);
    think(f);
    assert_int_equal(f->view.n_drivers, 1);
    assert_int_equal(driver(f)->n_releases, 4);
    assert_string_equal(driver(f)->releases[0].name,
                        "intel-ice/a@10"); /* by sequence, never by the version */
    assert_string_equal(driver(f)->releases[1].name, "intel-ice/a@9");
    assert_string_equal(driver(f)->releases[2].name, "intel-ice/a@1");
    assert_string_equal(driver(f)->releases[3].name, "intel-ice/a@0");
    assert_ptr_equal(driver(f)->releases[2].source, &f->sources[0]);
    assert_int_equal(driver(f)->releases[2].n_installed, 2);
    assert_string_equal(driver(f)->releases[2].installed[0]->kernel, K1);
    assert_string_equal(driver(f)->releases[2].installed[1]->kernel, K2);
    assert_int_equal(dmv_strv_length(driver(f)->releases[2].slots), 1);
    assert_null(driver(f)->releases[3].catalog);
    assert_string_equal(driver(f)->type, "network");
    assert_int_equal(driver(f)->n_modules, 2);
    assert_string_equal(driver(f)->modules[0].name, "ice");
    assert_string_equal(driver(f)->modules[1].name, "irdma");
    assert_int_equal(dmv_strv_length(driver(f)->slots), 1);
}

static void test_recommended(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {
        ice_release("a", "1", 5, "\"recommended\":true,"),
        ice_release("b", "1", 7, "\"recommended\":true,"),
        ice_release("c", "1", 9, NULL),
        ice_release("d", "1", 11, "\"recommended\":true,\"revoked\":\"x\","),
        ice_release("e", "1", 12, "\"recommended\":true,"),
    };

    releases[4].device = 0x9999;
    publish(f, releases, DMV_N_ELEMENTS(releases));
    choose(f, DMV_SELECT_RECOMMENDED, NULL, NULL);
    think(f);
    assert_string_equal(driver(f)->recommended->name, "intel-ice/b@1");
    assert_ptr_equal(driver(f)->selected, driver(f)->recommended);
    for (size_t i = 0; i < driver(f)->n_releases; i++)
        assert_int_equal(driver(f)->releases[i].recommended,
                         &driver(f)->releases[i] == driver(f)->recommended);
    assert_false(driver(f)->outdated);
    choose(f, DMV_SELECT_RELEASE, "a", "1");
    think(f);
    assert_true(driver(f)->outdated);
    assert_true(release(f, "intel-ice/a@1")->selected);
    choose(f, DMV_SELECT_RELEASE, "c", "1");
    think(f);
    assert_false(driver(f)->outdated); /* newer than what is recommended */
}

static void assert_targets(const Fixture *f, int code1, int code2)
{
    const int codes[] = {code1, code2};

    assert_int_equal(driver(f)->n_targets, 2);
    for (size_t i = 0; i < 2; i++) {
        const DmvTarget *t = &driver(f)->targets[i];

        assert_string_equal(t->kernel->release, i ? K2 : K1);
        assert_int_equal(t->code, codes[i]);
        assert_int_equal(t->problem != NULL, codes[i] != 0);
        if (t->installed)
            assert_string_equal(t->installed->kernel, t->kernel->release);
    }
}

static void test_targets(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {ice_release("only-listed", "1", 1, NULL)};

    world_add_kernel(&f->world, "7.0-no-modules", false); /* no target: nothing can boot from it */
    publish(f, releases, 1);
    install(f, "both", "1", ice, K1, K2);
    install(f, "one", "1", ice, K1, NULL);
    install(f, "broken", "1", ice, K1, K2);
    think(f);
    assert_int_equal(driver(f)->n_targets, 0);

    for (size_t i = 0; i < f->world.n_installed; i++)
        if (strcmp(f->world.installed[i].variant, "broken") == 0 &&
            strcmp(f->world.installed[i].kernel, K2) == 0)
            assert_int_equal(dmv_set_string(&f->world.installed[i].problem, "a hash differs"), 0);
    choose(f, DMV_SELECT_INBOX, NULL, NULL);
    think(f);
    assert_targets(f, 0, 0);
    assert_null(driver(f)->targets[0].installed);
    assert_null(driver(f)->selected);

    choose(f, DMV_SELECT_RELEASE, "both", "1");
    think(f);
    assert_targets(f, 0, 0);
    assert_string_equal(driver(f)->targets[0].installed->variant, "both");
    assert_string_equal(driver(f)->targets[1].installed->variant, "both");
    assert_int_equal(driver(f)->problems.n, 0);

    choose(f, DMV_SELECT_RELEASE, "one", "1");
    think(f);
    assert_targets(f, 0, DMV_NO_KERNEL_RELEASE);
    assert_null(driver(f)->targets[1].installed);
    assert_int_equal(driver(f)->problems.n, 1);
    assert_int_equal(driver(f)->problems.items[0].code, DMV_NO_KERNEL_RELEASE);

    choose(f, DMV_SELECT_RELEASE, "broken", "1");
    think(f);
    assert_targets(f, 0, DMV_BROKEN_RELEASE);
    assert_null(driver(f)->targets[1].installed);

    choose(f, DMV_SELECT_RELEASE, "only-listed", "1");
    think(f);
    assert_targets(f, DMV_NOT_INSTALLED, DMV_NOT_INSTALLED);
    choose(f, DMV_SELECT_RELEASE, "vanished", "1");
    think(f);
    assert_targets(f, DMV_NOT_INSTALLED, DMV_NOT_INSTALLED);
    assert_null(driver(f)->selected);
    choose(f, DMV_SELECT_RECOMMENDED, NULL, NULL);
    think(f);
    assert_targets(f, DMV_NO_SUCH_RELEASE, DMV_NO_SUCH_RELEASE);
}

static void assert_problem(const Fixture *f, size_t i, int code, const char *why)
{
    if (i >= driver(f)->problems.n)
        fail_msg("nothing says \"%s\"", why);
    assert_int_equal(driver(f)->problems.items[i].code, code);
    if (!strstr(driver(f)->problems.items[i].why, why))
        fail_msg("\"%s\" does not say \"%s\"", driver(f)->problems.items[i].why, why);
}

/* It stays until somebody decides otherwise, and what can be decided is said. */
static void test_a_revoked_selection_is_said(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {
        ice_release("a", "1", 1, "\"revoked\":\"eats packets\","),
        ice_release("b", "1", 7, "\"revoked\":\"eats packets, too\","),
        ice_release("c", "1", 5, NULL),
        ice_release("d", "1", 4, NULL),
        ice_release("e", "1", 3, NULL),
    };

    publish(f, releases, 2);
    install(f, "a", "1", ice, K1, K2);
    choose(f, DMV_SELECT_RELEASE, "a", "1");
    think(f);
    assert_targets(f, 0, 0);
    assert_int_equal(driver(f)->problems.n, 1);
    assert_problem(f, 0, DMV_REVOKED, "eats packets; it stays until you choose: dmvctl deselect intel-ice");
    publish(f, releases, DMV_N_ELEMENTS(releases));
    think(f);
    assert_targets(f, 0, 0);
    assert_problem(f, 0, DMV_REVOKED,
                   "dmvctl install intel-ice/c@1 and select it, or dmvctl deselect intel-ice");
    install(f, "d", "1", ice, K1, K2);
    install(f, "e", "1", ice, K1, K2);
    think(f);
    assert_problem(f, 0, DMV_REVOKED, "dmvctl select intel-ice/d@1, or dmvctl deselect intel-ice");
}

static void test_a_revoked_selection_and_what_is_recommended(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {
        ice_release("a", "1", 1, "\"revoked\":\"eats packets\","),
        ice_release("b", "1", 7, NULL),
        ice_release("c", "1", 5, "\"recommended\":true,"),
    };

    publish(f, releases, DMV_N_ELEMENTS(releases));
    install(f, "a", "1", ice, K1, K2);
    install(f, "b", "1", ice, K1, K2);
    choose(f, DMV_SELECT_RELEASE, "a", "1");
    think(f);
    assert_problem(f, 0, DMV_REVOKED, "dmvctl install intel-ice/c@1 and select it");
}

/* Who follows what is recommended is not left without a driver when that is revoked, replaced, or when no
 * catalog can be read: what is in place stays, until what is recommended now is installed. */
static void test_a_recommendation_that_goes(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {
        ice_release("a", "1", 1, "\"recommended\":true,\"revoked\":\"eats packets\","),
        ice_release("b", "1", 7, "\"recommended\":true,")};

    install(f, "a", "1", ice, K1, K2);
    choose(f, DMV_SELECT_RECOMMENDED, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        DMV_CLEANUP_FREE char *target = NULL;

        assert_true(
            asprintf(&target, "../../../dmv/store/%s/intel-ice/a/1/ice.ko", f->world.kernels[i].release) > 0);
        world_add_file(&f->world.kernels[i], "updates/ice.ko", target)->ours = true;
    }
    think(f);
    assert_targets(f, 0, 0);
    assert_string_equal(driver(f)->selected->name, "intel-ice/a@1");
    assert_problem(f, 0, DMV_NO_SUCH_RELEASE, "intel-ice/a@1 stays");

    publish(f, releases, 1);
    think(f);
    assert_targets(f, 0, 0);
    assert_problem(f, 0, DMV_NO_SUCH_RELEASE, "intel-ice/a@1 stays");
    assert_problem(f, 1, DMV_REVOKED, "eats packets");

    publish(f, releases, 2);
    think(f);
    assert_targets(f, 0, 0);
    assert_string_equal(driver(f)->selected->name, "intel-ice/a@1");
    assert_string_equal(driver(f)->recommended->name, "intel-ice/b@1");
    assert_problem(f, 0, DMV_NOT_INSTALLED, "intel-ice/b@1 is recommended, and it is not installed");
    assert_problem(f, 1, DMV_REVOKED, "dmvctl install intel-ice/b@1");

    install(f, "b", "1", ice, K1, K2);
    think(f);
    assert_targets(f, 0, 0);
    assert_string_equal(driver(f)->selected->name, "intel-ice/b@1");
    assert_int_equal(driver(f)->problems.n, 0);
}

static void test_only_the_intent_knows_it(void **state)
{
    Fixture *f = *state;

    choose(f, DMV_SELECT_RELEASE, "a", "1");
    assert_int_equal(dmv_intent_pin(&f->intent, "intel-ice", NULL, 1001), 0);
    assert_int_equal(dmv_intent_select(&f->intent, "a-driver", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    assert_int_equal(dmv_intent_pin(&f->intent, "a-driver", NULL, 1000), 0);
    think(f);
    assert_int_equal(f->view.n_drivers, 2);
    assert_string_equal(f->view.drivers[0].name, "a-driver");
    assert_false(f->view.drivers[0].pinned); /* the pin has ended */
    assert_true(driver(f)->pinned);
    assert_int_equal(driver(f)->n_releases, 0);
    assert_targets(f, DMV_NOT_INSTALLED, DMV_NOT_INSTALLED);
}

/* ---- what runs ---- */

static void set_inbox_build_id(Fixture *f, const char *build_id)
{
    for (size_t i = 0; i < f->world.kernels[0].n_files; i++)
        if (strcmp(f->world.kernels[0].files[i].name, "ice") == 0)
            assert_int_equal(dmv_set_string(&f->world.kernels[0].files[i].build_id, build_id), 0);
}

static void test_active_by_build_id(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {ice_release("listed", "1", 1, NULL)};

    releases[0].build_id = "cafe";
    publish(f, releases, 1);
    install(f, "a", "1", ice, K1, NULL);
    install(f, "a", "2", ice, K1, NULL);
    set_inbox_build_id(f, "beef");
    think(f);
    assert_null(driver(f)->active); /* not loaded */
    assert_false(driver(f)->reboot_needed);

    load(f, "ice", "ice-a-2-" K1);
    think(f);
    assert_string_equal(driver(f)->active, "intel-ice/a@2");
    assert_string_equal(driver(f)->modules[0].proof, "build_id");
    assert_true(release(f, "intel-ice/a@2")->active);
    assert_false(release(f, "intel-ice/a@1")->active);
    assert_string_equal(driver(f)->modules[0].next, "inbox");
    assert_true(driver(f)->reboot_needed); /* the index gives another one */
    assert_true(f->view.reboot_needed);

    assert_int_equal(dmv_set_string(&f->world.loaded[0].build_id, "cafe"), 0);
    think(f);
    assert_string_equal(driver(f)->active, "intel-ice/listed@1");
    assert_int_equal(dmv_set_string(&f->world.loaded[0].build_id, "beef"), 0);
    think(f);
    assert_string_equal(driver(f)->active, "inbox");
    assert_false(driver(f)->reboot_needed);
}

static void test_active_by_note(void **state)
{
    Fixture *f = *state;
    DmvLoaded *l = load(f, "ice", "1234");

    install(f, "a", "1", ice, K1, NULL);
    assert_int_equal(dmv_set_string(&l->note_variant, "a"), 0);
    think(f);
    assert_null(driver(f)->active); /* a variant alone tells nothing */
    assert_int_equal(dmv_set_string(&f->world.loaded[0].note_version, "1"), 0);
    think(f);
    assert_string_equal(driver(f)->active, "intel-ice/a@1");
    assert_string_equal(driver(f)->modules[0].proof, "note");
    /* updated in place: the version that runs is gone from the disk, and the note still says which it is */
    assert_int_equal(dmv_set_string(&f->world.loaded[0].note_version, "2"), 0);
    think(f);
    assert_string_equal(driver(f)->active, "intel-ice/a@2");
    assert_string_equal(driver(f)->modules[0].proof, "note");
    /* what is no name is no release */
    assert_int_equal(dmv_set_string(&f->world.loaded[0].note_version, "../2"), 0);
    think(f);
    assert_null(driver(f)->active);
    assert_null(driver(f)->modules[0].proof);
}

/* What cannot be identified asks for a reboot only where somebody selected something. */
static void test_unknown_runs(void **state)
{
    Fixture *f = *state;

    install(f, "a", "1", ice, K1, K2);
    load(f, "ice", "1234");
    think(f);
    assert_null(driver(f)->active);
    assert_false(driver(f)->reboot_needed);
    choose(f, DMV_SELECT_INBOX, NULL, NULL);
    think(f);
    assert_true(driver(f)->reboot_needed);
    /* a foreign file would be loaded next: nothing that a reboot would bring closer */
    world_add_file(&f->world.kernels[0], "updates/ice.ko", NULL);
    world_depmod(&f->world);
    think(f);
    assert_string_equal(driver(f)->modules[0].next, "foreign");
    assert_false(driver(f)->reboot_needed);
}

static void test_two_modules(void **state)
{
    Fixture *f = *state;

    install(f, "a", "1", ice_irdma, K1, NULL);
    install(f, "b", "1", ice_irdma, K1, NULL);
    set_inbox_build_id(f, "beef");
    load(f, "ice", "beef");
    load(f, "irdma", "irdma-a-1-" K1);
    think(f);
    assert_string_equal(driver(f)->active, "intel-ice/a@1"); /* the kernel's own beside it is no mixture */
    assert_int_equal(driver(f)->problems.n, 0);
    assert_int_equal(dmv_set_string(&f->world.loaded[0].build_id, "ice-b-1-" K1), 0);
    think(f);
    assert_null(driver(f)->active);
    assert_int_equal(driver(f)->problems.n, 1);
    assert_int_equal(driver(f)->problems.items[0].code, DMV_CONFLICT);
}

/* ---- finding ---- */

static void two_drivers(Fixture *f)
{
    CatalogRelease releases[] = {
        ice_release("dell", "1", 1, NULL),
        ice_release("dell", "2", 2, "\"revoked\":\"x\","),
        ice_release("generic", "1", 3, NULL),
        {.driver = "other",
         .variant = "v",
         .version = "1",
         .module = "other",
         .vendor = 0x8086,
         .device = 0x1592,
         .kernels = {K1}},
    };
    DmvDevice *lonely = world_add_device(&f->world, "0001:00:00.0", 0x1af4, 1, NULL);

    assert_int_equal(dmv_strv_push(&lonely->blocks, "vda"), 0);
    assert_int_equal(dmv_strv_push(&f->world.devices[0].interfaces, "eth0"), 0);
    publish(f, releases, DMV_N_ELEMENTS(releases));
    think(f);
}

static void test_find(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *object;
        int code;
        const char *driver;
    } cases[] = {
        {"intel-ice", 0, "intel-ice"},
        {"ice", 0, "intel-ice"},
        {"other", 0, "other"},
        {SLOT, 0, "intel-ice"}, /* two drivers support it, one is bound */
        {"03:00.0", 0, "intel-ice"},
        {"eth0", 0, "intel-ice"},
        {"intel-ice/dell", 0, "intel-ice"},
        {"intel-ice/dell@1", 0, "intel-ice"},
        {"intel-ice@1", 0, "intel-ice"},
        {"0001:00:00.0", DMV_NO_SUCH_DRIVER, NULL},
        {"vda", DMV_NO_SUCH_DRIVER, NULL},
        {"/dev/vda", DMV_NO_SUCH_DRIVER, NULL},
        {"00:00.0", DMV_NO_SUCH_OBJECT, NULL}, /* only domain 0 may be left out */
        {"intel", DMV_NO_SUCH_OBJECT, NULL},
        {"intel-ice2", DMV_NO_SUCH_OBJECT, NULL},
        {"", DMV_NO_SUCH_OBJECT, NULL},
    };

    two_drivers(f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DmvViewDriver *d = NULL;

        dmv_error_clear(&f->error);
        if (dmv_view_find(&f->view, cases[i].object, &d, &f->error) != cases[i].code)
            fail_msg("%s: %s", cases[i].object, f->error.why ? f->error.why : "found");
        if (cases[i].driver)
            assert_string_equal(d->name, cases[i].driver);
        else
            assert_non_null(f->error.next);
    }
}

static void test_find_is_ambiguous(void **state)
{
    Fixture *f = *state;
    DmvViewDriver *d = NULL;

    assert_int_equal(dmv_set_string(&f->world.devices[0].module, NULL), 0);
    two_drivers(f);
    assert_int_equal(dmv_view_find(&f->view, "eth0", &d, &f->error), DMV_AMBIGUOUS);
    assert_string_equal(f->error.why, "eth0 can mean several things: intel-ice, other");
}

static void test_find_release(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *spec;
        int code;
        const char *release;
    } cases[] = {
        {"intel-ice/dell@1", 0, "intel-ice/dell@1"},
        {"intel-ice/dell@2", 0, "intel-ice/dell@2"}, /* named in full, whatever its verdict */
        {"intel-ice/dell", 0, "intel-ice/dell@1"},   /* the newest that can be used */
        {"intel-ice@2", 0, "intel-ice/dell@2"},
        {"intel-ice@1", DMV_AMBIGUOUS, NULL},
        {"intel-ice", DMV_AMBIGUOUS, NULL},
        {"other", 0, "other/v@1"},
        {"eth0/generic", 0, "intel-ice/generic@1"},
        {"ice/generic@1", 0, "intel-ice/generic@1"},
        {"intel-ice/none", DMV_NO_SUCH_RELEASE, NULL},
        {"intel-ice/dell@3", DMV_NO_SUCH_RELEASE, NULL},
        {"intel-ice@3", DMV_NO_SUCH_RELEASE, NULL},
        {"nobody/dell@1", DMV_NO_SUCH_DRIVER, NULL},
        {"vda/dell", DMV_NO_SUCH_DRIVER, NULL},
        {"", DMV_INVALID_NAME, NULL},
        {"/", DMV_INVALID_NAME, NULL},
        {"intel-ice/", DMV_INVALID_NAME, NULL},
        {"intel-ice@", DMV_INVALID_NAME, NULL},
        {"intel-ice/dell@", DMV_INVALID_NAME, NULL},
        {"intel-ice/dell@1@2", DMV_INVALID_NAME, NULL},
        {"intel-ice@1/dell", DMV_INVALID_NAME, NULL},
        {"../ice/dell@1", DMV_INVALID_NAME, NULL},
    };

    two_drivers(f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DmvViewDriver *d = NULL;
        DmvViewRelease *r = NULL;

        dmv_error_clear(&f->error);
        if (dmv_view_find_release(&f->view, cases[i].spec, &d, &r, &f->error) != cases[i].code)
            fail_msg("%s: %s", cases[i].spec, f->error.why ? f->error.why : "found");
        if (!cases[i].release)
            continue;
        assert_string_equal(r->name, cases[i].release);
        assert_string_equal(d->name, r->driver);
        assert_int_equal(dmv_view_find_release(&f->view, cases[i].spec, NULL, &r, NULL), 0);
    }
}

static void test_release_of_path(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *path, *target, *want;
    } cases[] = {
        {"updates/a/ice.ko", "../../../../dmv/store/" K1 "/intel-ice/a/1/ice.ko", "intel-ice/a@1"},
        {"updates/b/ice.ko", "/usr/lib/dmv/store/" K1 "/intel-ice/a/1/ice.ko", "intel-ice/a@1"},
        {"updates/c/ice.ko", "../../../../dmv/store/" K1 "/intel-ice/a/2/ice.ko",
         "foreign"}, /* not installed */
        {"updates/d/ice.ko", "../../../../dmv/store/" K2 "/intel-ice/a/1/ice.ko",
         "foreign"}, /* another kernel's */
        {"updates/e/ice.ko", "ice.ko", "foreign"},
        {"updates/f/ice.ko", "1/ice.ko.old", "foreign"},
        {"updates/ice.ko", NULL, "foreign"},
        {"kernel/net/ice.ko", NULL, "inbox"},
        {"kernel/not/there.ko", NULL, "inbox"},
        {"odd/name", NULL, "foreign"},
    };
    DMV_CLEANUP_FREE char *none = NULL;

    install(f, "a", "1", ice, K1, NULL);
    for (size_t i = 0; i < 7; i++)
        world_add_file(&f->world.kernels[0], cases[i].path, cases[i].target);
    think(f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *got = NULL;

        assert_int_equal(dmv_release_of_path(&f->world, &f->world.kernels[0], cases[i].path, &got), 0);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s -> %s is %s", cases[i].path, cases[i].target ? cases[i].target : "-", got);
    }
    assert_int_equal(dmv_release_of_path(&f->world, &f->world.kernels[0], NULL, &none), 0);
    assert_null(none);
}

static void test_usable_kernels(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    DmvKernel *k = world_add_kernel(&w, K1, true);

    (void)state;
    assert_false(dmv_kernel_is_usable(k));
    world_add_file(k, "updates/ice.ko", NULL);
    assert_false(dmv_kernel_is_usable(k));
    world_add_file(k, "kernel/a.ko", NULL);
    assert_true(dmv_kernel_is_usable(k));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- the running kernel's word ---- */

#define TRUSTED "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1"
#define OTHER "2b8ee9bfd9e5b6b7d6a3c1e0f4958877deadbeef"

/* K1 runs and knows one key, which is in that keyring. */
static void ask_kernel(Fixture *f, bool enforces, DmvKeyring ring)
{
    DmvModulePolicy *p = f->world.module_policy ? f->world.module_policy : calloc(1, sizeof(*p));
    DmvKernelKey *k = p->keys.n ? p->keys.items : DMV_ARRAY_ADD(p->keys.items, p->keys.n);

    assert_non_null(k);
    f->world.module_policy = p;
    assert_int_equal(dmv_set_string(&k->subject, "Vendor"), 0);
    assert_int_equal(dmv_set_string(&k->id, TRUSTED), 0);
    k->ring = ring;
    p->keys.rings_known = ring != DMV_KEYRING_UNKNOWN;
    p->known = p->checks = true;
    p->sig_enforce = enforces;
    assert_int_equal(dmv_set_string(&f->world.running_kernel, K1), 0);
}

static bool has_reason(const DmvViewRelease *r, const char *words)
{
    for (char **s = r->reasons; s && *s; s++)
        if (strstr(*s, words))
            return true;
    return false;
}

static void assert_refused(const Fixture *f, const char *name, const char *words)
{
    const DmvViewRelease *r = release(f, name);

    assert_non_null(r->refused);
    if (!strstr(r->refused, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, r->refused, words);
    assert_true(has_reason(r, words));
    assert_string_equal(dmv_verdict_to_string(r->verdict), "fits"); /* other kernels may take it */
}

static void test_kernel_refuses(void **state)
{
    Fixture *f = *state;
    DmvInstalled *x;

    install(f, "dell", "1.0", ice, K1, NULL);
    install(f, "alt", "1.0", ice, K1, K2);
    install(f, "other", "1.0", ice, K2, NULL);
    x = &f->world.installed[0];
    assert_string_equal(x->variant, "dell");
    assert_int_equal(dmv_set_string(&x->modules[0].info.sig_key, TRUSTED), 0);
    ask_kernel(f, true, DMV_KEYRING_BUILTIN);
    think(f);
    assert_null(release(f, "intel-ice/dell@1.0")->refused);
    assert_refused(f, "intel-ice/alt@1.0", "the running kernel " K1 " would refuse ice.ko: it is not signed");
    assert_refused(f, "intel-ice/alt@1.0", "what other kernels do is not known");
    /* what another kernel takes nobody knows */
    assert_null(release(f, "intel-ice/other@1.0")->refused);
    assert_false(has_reason(release(f, "intel-ice/other@1.0"), "running kernel"));
}

/* Nobody is led out of one release into another that the running kernel would not load. */
static void test_kernel_refuses_the_way_out(void **state)
{
    Fixture *f = *state;
    CatalogRelease releases[] = {
        ice_release("a", "1", 1, "\"revoked\":\"eats packets\","),
        ice_release("b", "1", 7, NULL),
        ice_release("c", "1", 5, NULL),
    };

    publish(f, releases, DMV_N_ELEMENTS(releases));
    install(f, "a", "1", ice, K1, K2);
    install(f, "b", "1", ice, K1, K2);
    install(f, "c", "1", ice, K1, K2);
    for (size_t i = 0; i < f->world.n_installed; i++)
        if (strcmp(f->world.installed[i].variant, "b") != 0)
            assert_int_equal(dmv_set_string(&f->world.installed[i].modules[0].info.sig_key, TRUSTED), 0);
    choose(f, DMV_SELECT_RELEASE, "a", "1");
    ask_kernel(f, true, DMV_KEYRING_BUILTIN);
    think(f);
    assert_non_null(release(f, "intel-ice/b@1")->refused);
    assert_problem(f, 0, DMV_REVOKED, "dmvctl select intel-ice/c@1, or");
}

static void test_kernel_refuses_a_signer(void **state)
{
    Fixture *f = *state;

    install(f, "dell", "1.0", ice, K1, K2);
    assert_int_equal(dmv_set_string(&f->world.installed[0].modules[0].info.sig_key, OTHER), 0);
    ask_kernel(f, true, DMV_KEYRING_BUILTIN);
    choose(f, DMV_SELECT_RELEASE, "dell", "1.0");
    think(f);
    assert_refused(f, "intel-ice/dell@1.0", "its signer is in none of the keyrings");
    /* one that is selected already stays, and that is said */
    assert_non_null(driver(f)->targets[0].installed);
    assert_int_equal(driver(f)->problems.n, 1);
    assert_int_equal(driver(f)->problems.items[0].code, DMV_MODULE_KERNEL_REFUSES);
    assert_string_equal(driver(f)->problems.items[0].object, "intel-ice/dell@1.0");
    /* without enforcement it loads, and is only marked */
    ask_kernel(f, false, DMV_KEYRING_BUILTIN);
    think(f);
    assert_null(release(f, "intel-ice/dell@1.0")->refused);
    assert_int_equal(driver(f)->problems.n, 0);
}

static void test_kernel_has_blacklisted(void **state)
{
    Fixture *f = *state;

    install(f, "dell", "1.0", ice, K1, NULL);
    assert_int_equal(dmv_set_string(&f->world.installed[0].modules[0].info.sig_key, TRUSTED), 0);
    ask_kernel(f, false, DMV_KEYRING_BLACKLIST);
    think(f);
    assert_refused(f, "intel-ice/dell@1.0", "in the blacklist");
}

/* Keys that cannot be read, or keyrings that cannot be looked into, are no reason to refuse. */
static void test_kernel_cannot_be_asked(void **state)
{
    Fixture *f = *state;

    install(f, "dell", "1.0", ice, K1, NULL);
    assert_int_equal(dmv_set_string(&f->world.installed[0].modules[0].info.sig_key, TRUSTED), 0);
    ask_kernel(f, true, DMV_KEYRING_UNKNOWN);
    think(f);
    assert_null(release(f, "intel-ice/dell@1.0")->refused);
    assert_true(has_reason(release(f, "intel-ice/dell@1.0"),
                           "whether the running kernel " K1 " would load ice.ko is not known"));
    dmv_kernel_keys_deinit(&f->world.module_policy->keys);
    think(f);
    assert_null(release(f, "intel-ice/dell@1.0")->refused);
    assert_true(has_reason(release(f, "intel-ice/dell@1.0"), "could not be read"));
    /* no reason to say anything where it does not matter */
    f->world.module_policy->sig_enforce = false;
    think(f);
    assert_false(has_reason(release(f, "intel-ice/dell@1.0"), "running kernel"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        TEST(test_nothing),
        TEST(test_verdicts),
        TEST(test_machines),
        TEST(test_a_stale_catalog_is_said),
        TEST(test_merge),
        TEST(test_recommended),
        TEST(test_targets),
        TEST(test_a_revoked_selection_is_said),
        TEST(test_a_revoked_selection_and_what_is_recommended),
        TEST(test_a_recommendation_that_goes),
        TEST(test_only_the_intent_knows_it),
        TEST(test_active_by_build_id),
        TEST(test_active_by_note),
        TEST(test_unknown_runs),
        TEST(test_two_modules),
        TEST(test_find),
        TEST(test_find_is_ambiguous),
        TEST(test_find_release),
        TEST(test_release_of_path),
        TEST(test_kernel_refuses),
        TEST(test_kernel_refuses_the_way_out),
        TEST(test_kernel_refuses_a_signer),
        TEST(test_kernel_has_blacklisted),
        TEST(test_kernel_cannot_be_asked),
        cmocka_unit_test(test_usable_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
