/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The trace of a release, and what decides: each obstacle on the way from a catalog into the kernel, with the
 * command that removes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/catalogkit.h"
#include "../support/worldkit.h"
#include "model/module-policy.h"
#include "model/trace.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvCatalog *catalog;
    DmvSource source;
    DmvView view;
    DmvPlan plan;
    DmvTrace trace;
} Fixture;

static const char *const ice[] = {"ice.ko", NULL};

static void forget(Fixture *f)
{
    dmv_trace_deinit(&f->trace);
    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
}

/* The trace of @name as things are now. */
static void ask(Fixture *f, const char *name)
{
    const DmvFacts facts = {
        .world = &f->world, .sources = &f->source, .n_sources = 1, .intent = &f->intent, .now = 1000};
    DmvViewDriver *d = NULL;
    DmvViewRelease *r = NULL;

    forget(f);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, NULL), 0);
    assert_int_equal(dmv_view_find_release(&f->view, name, &d, &r, NULL), 0);
    assert_int_equal(dmv_trace_release(&f->view, &f->plan, d, r, &f->trace), 0);
}

static void assert_says(const Fixture *f, const char *kind, const char *text)
{
    for (size_t i = 0; i < f->trace.n; i++)
        if (strstr(f->trace.lines[i].text, text)) {
            assert_string_equal(f->trace.lines[i].kind, kind);
            return;
        }
    for (size_t i = 0; i < f->trace.n; i++)
        print_message("%s %s\n", f->trace.lines[i].kind, f->trace.lines[i].text);
    fail_msg("it does not say \"%s\"", text);
}

static void assert_decides(const Fixture *f, const char *decisive, const char *next)
{
    assert_string_equal(f->trace.decisive, decisive);
    if (next)
        assert_string_equal(f->trace.next, next);
    else
        assert_null(f->trace.next);
}

/* ice/a: 2 is recommended, 1 is older, 3 was revoked; far/v is for a card that is not there. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const CatalogRelease releases[] = {
        {"ice", "a", "1", 1, NULL, NULL, 0x8086, 0x1592, NULL, {K1, K2}, NULL, NULL},
        {"ice", "a", "2", 2, "\"recommended\":true,", NULL, 0x8086, 0x1592, NULL, {K1}, NULL, NULL},
        {"ice", "a", "3", 3, "\"revoked\":\"it eats disks\",", NULL, 0x8086, 0x1592, NULL, {K1}, NULL, NULL},
        {"ice",
         "dell",
         "2",
         4,
         "\"dmi\":[{\"vendor\":\"Dell*\"}],",
         NULL,
         0x8086,
         0x1592,
         NULL,
         {K1},
         NULL,
         NULL},
        {"far", "v", "1", 1, NULL, "far", 0x1af4, 1, NULL, {K1}, NULL, NULL},
    };

    if (!f)
        return -1;
    world_add_file(world_add_kernel(&f->world, K1, true), "kernel/net/ice.ko", NULL);
    world_add_file(world_add_kernel(&f->world, K2, false), "kernel/net/ice.ko", NULL);
    world_add_device(&f->world, "0000:03:00.0", 0x8086, 0x1592, "ice");
    world_depmod(&f->world);
    f->catalog = catalog_of("first", releases, DMV_N_ELEMENTS(releases));
    f->source.catalog = f->catalog;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    forget(f);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    (void)dmv_catalog_free(f->catalog);
    free(f);
    return 0;
}

static DmvInstalled *install(Fixture *f, const char *version)
{
    return world_add_installed(&f->world, "ice", "a", version, K1, "supported", DMV_ORIGIN_STORE, ice);
}

static void choose(Fixture *f, const char *version)
{
    assert_int_equal(dmv_intent_select(&f->intent, "ice", DMV_SELECT_RELEASE, "a", version, "a ticket"), 0);
}

static void test_hardware(void **state)
{
    Fixture *f = *state;

    ask(f, "far/v@1");
    assert_says(f, "problem", "none of its 1 ids and patterns matches one of the 1 devices of this host");
    assert_decides(f, "far/v@1 cannot be chosen: no device of this host is supported by it",
                   "dmvctl install far/v@1 --any-hardware");
    ask(f, "ice/a@1");
    assert_says(f, "ok",
                "device 0000:03:00.0 (8086:1592) is supported by ice.ko: the catalog lists the id "
                "8086:1592, subsystem *:*");
}

/* What no catalog lists matches by info.json or by the module's own patterns. */
static void test_patterns_of_what_is_installed(void **state)
{
    Fixture *f = *state;
    DmvInstalled *x =
        world_add_installed(&f->world, "site", "v", "1", K1, "supported", DMV_ORIGIN_STORE, ice);

    assert_int_equal(dmv_strv_push(&x->modules[0].info.aliases, "pci:v*d*sv*sd*bc02sc00i00*"), 0);
    ask(f, "site/v@1");
    assert_says(f, "ok", "the module itself has the pattern pci:v*d*sv*sd*bc02sc00i00*");
    assert_says(f, "note", "no catalog lists it");
    for (size_t i = 0; i < f->world.n_installed; i++)
        world_add_id(&f->world.installed[i], "ice.ko", 0x8086, 0x1592);
    ask(f, "site/v@1");
    assert_says(f, "ok", "its info.json lists the id 8086:1592, subsystem *:*");
}

static void test_machine(void **state)
{
    Fixture *f = *state;

    ask(f, "ice/a@1");
    assert_says(f, "ok", "it is for every model of machine");
    ask(f, "ice/dell@2");
    assert_says(f, "problem", "it is for other machines than (unknown vendor) (unknown model)");
    assert_int_equal(dmv_set_string(&f->world.dmi_vendor, "Dell Inc."), 0);
    ask(f, "ice/dell@2");
    assert_says(f, "ok",
                "it is for certain models of machines, and Dell Inc. (unknown model) is one of them");
}

static void test_kernels(void **state)
{
    static const char *const symbols[] = {"_printk=2", NULL}, *const others[] = {"_printk=3", NULL};
    Fixture *f = *state;

    ask(f, "ice/a@1");
    assert_says(f, "note", "kernel " K1 ": it is not installed for this kernel, and there is a package");
    world_set_symbols(&install(f, "2")->modules[0], K1, symbols, NULL);
    world_set_abi(&f->world.kernels[1], true, symbols);
    f->world.kernels[1].alternate = true;
    ask(f, "ice/a@2");
    assert_says(f, "ok", "kernel " K1 ": exact, it is installed for this kernel in usr/lib/dmv/store/" K1);
    assert_says(f, "problem",
                "kernel " K2 " (alternate): no release for this kernel: there are no alternate");
    f->world.kernels[1].alternate = false;
    ask(f, "ice/a@2");
    assert_says(f, "ok",
                "kernel " K2 ": compatible, built for kernel " K1
                ", and each of the 1 symbols that it needs is the same");
    world_set_abi(&f->world.kernels[1], true, others);
    ask(f, "ice/a@2");
    assert_says(f, "problem", "kernel " K2 ": no release for this kernel: the one for kernel " K1);
}

/* What XCP-ng calls NAME-kernelX.Y is for those kernels, whatever a catalog says. */
static void test_packages_for_alternate_kernels(void **state)
{
    Fixture *f = *state;
    DmvRelease *r = f->catalog->releases;

    while (strcmp(r->driver, "ice") != 0 || strcmp(r->version, "1") != 0)
        r++;
    r->packages[0].name = (char *)(uintptr_t) "ice-module-kernel4.19";
    r->packages[1].name = (char *)(uintptr_t) "ice-module-kernel6.1";
    ask(f, "ice/a@1");
    assert_says(f, "problem", "kernel " K1 ": no release for this kernel: it is not installed");
    assert_says(f, "note", "kernel " K2 ": it is not installed for this kernel, and there is a package");
}

static void test_verdicts(void **state)
{
    Fixture *f = *state;

    ask(f, "ice/a@3");
    assert_says(f, "problem", "it was revoked: it eats disks");
    assert_decides(f, "ice/a@3 cannot be chosen: it was revoked: it eats disks",
                   "dmvctl show ice lists the others");
    assert_int_equal(dmv_set_string(&install(f, "1")->problem, "info.json is missing"), 0);
    ask(f, "ice/a@1");
    assert_says(f, "problem", "cannot be used: info.json is missing");
    assert_string_equal(f->trace.next, "dmvctl install ice/a@1");
}

static void test_not_installed(void **state)
{
    Fixture *f = *state;

    ask(f, "ice/a@1");
    assert_says(f, "ok", "stream first lists it with sequence 1, tier ");
    assert_says(f, "note", "ice/a@2 is recommended, with sequence 2");
    assert_decides(f, "ice/a@1 is not installed", "dmvctl install ice/a@1");
    f->source.stale = true;
    ask(f, "ice/a@1");
    assert_says(f, "problem", "the catalog of stream first has expired");
    assert_decides(f, "ice/a@1 is not installed, and the catalog that lists it has expired",
                   "dmvctl refresh");
    ask(f, "ice/a@2");
    assert_says(f, "ok", "it is the release that is recommended");
}

static void test_not_selected(void **state)
{
    Fixture *f = *state;

    install(f, "1");
    install(f, "2");
    ask(f, "ice/a@1");
    assert_decides(f, "ice/a@1 is not selected: nothing was, for ice", "dmvctl select ice/a@1");
    choose(f, "2");
    ask(f, "ice/a@1");
    assert_says(f, "note", "selected for ice: a@2 (a ticket)");
    assert_says(f, "note", "ice/a@2 is newer than it (sequence 2 against 1)");
    assert_decides(f, "ice/a@1 is not selected: ice/a@2 is", "dmvctl select ice/a@1");
    assert_int_equal(dmv_intent_pin(&f->intent, "ice", "XSI-1", 2000), 0);
    ask(f, "ice/a@1");
    assert_says(f, "problem", "that selection is pinned until 1970-01-01T00:33:20Z: XSI-1");
    assert_decides(f, "ice/a@1 is not selected: ice/a@2, pinned, is", "dmvctl unpin ice");
    dmv_intent_deinit(&f->intent);
    assert_int_equal(dmv_intent_select(&f->intent, "ice", DMV_SELECT_RECOMMENDED, NULL, NULL, NULL), 0);
    ask(f, "ice/a@1");
    assert_says(f, "note", "what is recommended was selected, and that is ice/a@2 now");
    dmv_intent_deinit(&f->intent);
    assert_int_equal(dmv_intent_select(&f->intent, "ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    ask(f, "ice/a@1");
    assert_decides(f, "ice/a@1 is not selected: the kernel's own driver is", "dmvctl select ice/a@1");
}

static void load(Fixture *f, const char *build_id)
{
    DmvLoaded *l = DMV_ARRAY_ADD(f->world.loaded, f->world.n_loaded);

    assert_non_null(l);
    assert_int_equal(dmv_set_string(&l->name, "ice"), 0);
    assert_int_equal(dmv_set_string(&l->build_id, build_id), 0);
}

/* From the intent into the kernel. */
static void test_selected(void **state)
{
    Fixture *f = *state;

    install(f, "1");
    choose(f, "1");
    ask(f, "ice/a@1");
    assert_says(f, "note", "kernel " K1 " loads inbox for ice, and after activation ice/a@1");
    assert_decides(f, "ice/a@1 is selected, but that was not activated yet", "dmvctl activate");
    world_apply(&f->world, &f->plan);
    ask(f, "ice/a@1");
    assert_decides(f, "nothing speaks against ice/a@1: it is what is loaded next, and now nothing is", NULL);
    assert_int_equal(dmv_set_string(&f->world.kernels[0].files[0].build_id, "own"), 0);
    install(f, "2");
    load(f, "ice-a-2-" K1);
    ask(f, "ice/a@1");
    assert_says(f, "note", "the kernel runs ice/a@2");
    assert_decides(f, "ice/a@1 is what is loaded next, but the kernel still runs ice/a@2", "reboot the host");
    assert_int_equal(dmv_set_string(&f->world.loaded[0].build_id, "ice-a-1-" K1), 0);
    ask(f, "ice/a@1");
    assert_says(f, "ok", "it is what the kernel runs");
    assert_says(f, "problem", "kernel " K2 " loads its own driver: ");
    assert_decides(f, "nothing speaks against ice/a@1: it is selected, and the kernel runs it", NULL);
}

static void test_selected_without_a_release_for_the_kernel(void **state)
{
    Fixture *f = *state;

    free(world_add_installed(&f->world, "ice", "a", "1", K2, "supported", DMV_ORIGIN_STORE, ice)->kernel);
    f->world.installed[0].kernel = strdup("5.4.0-1");
    choose(f, "1");
    ask(f, "ice/a@1");
    assert_non_null(strstr(f->trace.decisive, "ice/a@1 is selected, but this kernel goes without: "));
    assert_string_equal(f->trace.next, "dmvctl refresh, or boot a kernel that it fits");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Not signed, and the running kernel insists on it. */
static void test_kernel_refuses(void **state)
{
    static const char why[] =
        "the running kernel " K1 " would refuse ice.ko: it is not signed, and the running "
        "kernel enforces signatures";
    Fixture *f = *state;

    f->world.module_policy = calloc(1, sizeof(*f->world.module_policy));
    assert_non_null(f->world.module_policy);
    *f->world.module_policy = (DmvModulePolicy){.known = true, .checks = true, .sig_enforce = true};
    assert_int_equal(dmv_set_string(&f->world.running_kernel, K1), 0);
    install(f, "2");
    ask(f, "ice/a@2");
    assert_says(f, "problem", why);
    assert_decides(f,
                   "ice/a@2 cannot be chosen: the running kernel " K1
                   " would refuse ice.ko: it is not signed, "
                   "and the running kernel enforces signatures",
                   "dmvctl show ice lists the others");
    choose(f, "2");
    ask(f, "ice/a@2");
    assert_says(f, "problem", why);
    assert_non_null(strstr(f->trace.decisive, "ice/a@2 is selected, but that was not activated yet"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hardware),
        TEST(test_patterns_of_what_is_installed),
        TEST(test_machine),
        TEST(test_kernels),
        TEST(test_packages_for_alternate_kernels),
        TEST(test_verdicts),
        TEST(test_not_installed),
        TEST(test_not_selected),
        TEST(test_selected),
        TEST(test_selected_without_a_release_for_the_kernel),
        TEST(test_kernel_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
