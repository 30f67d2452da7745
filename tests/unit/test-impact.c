/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a change of drivers means for guests: by a plan, by a driver, by everything; and whether it may be
 * made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../support/lists.h"
#include "../support/worldkit.h"
#include "model/impact.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"
#define NIC "0000:03:00.0"
#define HBA "0000:04:00.0"
#define GIVEN "0000:05:00.0"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvView view;
    DmvPlan plan;
    DmvGuests guests;
    DmvFootings footings;
    DmvImpact impact;
} Fixture;

static const char *const ice[] = {"ice.ko", NULL};

static void think(Fixture *f)
{
    DmvFacts facts = {.world = &f->world, .intent = &f->intent, .now = 1000};

    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, NULL), 0);
}

static void judge(Fixture *f, const DmvImpactSubject *s)
{
    dmv_impact_deinit(&f->impact);
    assert_int_equal(dmv_impact(&f->view, &f->guests, &f->footings, s, &f->impact), 0);
    assert_int_equal(f->impact.n, f->guests.n);
}

static void judge_plan(Fixture *f)
{
    think(f);
    judge(f, &(DmvImpactSubject){.plan = &f->plan});
}

static DmvFooting *add_footing(Fixture *f, DmvBackingKind kind, const char *what, const char *slot,
                               const char *module)
{
    DmvFooting *x = DMV_ARRAY_ADD(f->footings.items, f->footings.n);

    assert_non_null(x);
    x->kind = kind;
    assert_int_equal(dmv_set_string(&x->what, what), 0);
    assert_true(asprintf(&x->chain, "%s on %s", what, slot ? slot : "nothing") > 0);
    assert_int_equal(slot ? dmv_strv_push(&x->slots, slot) : 0, 0);
    assert_int_equal(module ? dmv_strv_push(&x->modules, module) : 0, 0);
    return x;
}

static DmvGuest *add_guest(Fixture *f, const char *name, DmvGuestState state)
{
    DmvGuest *g = DMV_ARRAY_ADD(f->guests.items, f->guests.n);

    assert_non_null(g);
    *g = (DmvGuest){.state = state, .id = state == DMV_GUEST_RUNNING ? (int64_t)f->guests.n : -1};
    assert_int_equal(dmv_set_string(&g->name, name), 0);
    return g;
}

/* A card with a release of its driver for both kernels, a disk controller that nobody asked about, and a card
 * of the first kind that is kept for guests. The guests: db on the disks, idle on the card and not running,
 * router with the given card, web on card and disks. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    const char *const kernels[] = {K1, K2};
    DmvDevice *given;
    DmvGuest *g;

    if (!f)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        world_add_file(world_add_kernel(&f->world, kernels[i], i == 0), "kernel/net/ice.ko", NULL);
        world_add_id(world_add_installed(&f->world, "intel-ice", "a", "1", kernels[i], "supported",
                                         DMV_ORIGIN_STORE, ice),
                     "ice.ko", 0x8086, 0x1592);
    }
    assert_int_equal(dmv_set_string(&f->world.running_kernel, K1), 0);
    world_add_device(&f->world, NIC, 0x8086, 0x1592, "ice");
    world_add_device(&f->world, HBA, 0x1000, 0x1, "megaraid_sas");
    given = world_add_device(&f->world, GIVEN, 0x8086, 0x1592, NULL);
    assert_int_equal(dmv_set_string(&given->driver, "pciback"), 0);
    world_depmod(&f->world);

    add_footing(f, DMV_BACKING_INTERFACE, "xenbr0", NIC, "ice");
    add_footing(f, DMV_BACKING_BLOCK, "/dev/vg/a", HBA, "megaraid_sas");
    add_footing(f, DMV_BACKING_PCI, GIVEN, NULL, NULL);

    g = add_guest(f, "db", DMV_GUEST_RUNNING);
    assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_BLOCK, "/dev/vg/a", "xvda"), 0);
    g = add_guest(f, "idle", DMV_GUEST_DEFINED);
    assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_INTERFACE, "xenbr0", NULL), 0);
    g = add_guest(f, "router", DMV_GUEST_RUNNING);
    assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_PCI, GIVEN, NULL), 0);
    g = add_guest(f, "web", DMV_GUEST_RUNNING);
    assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_INTERFACE, "xenbr0", "00:16:3e:00:00:01"), 0);
    assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_BLOCK, "/dev/vg/a", "xvda"), 0);
    assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_OTHER, "network default", NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_impact_deinit(&f->impact);
    dmv_footings_deinit(&f->footings);
    dmv_guests_deinit(&f->guests);
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

static const DmvGuestImpact *get(const Fixture *f, const char *name)
{
    for (size_t i = 0; i < f->impact.n; i++)
        if (strcmp(f->impact.items[i].guest->name, name) == 0)
            return &f->impact.items[i];
    fail_msg("there is no guest %s", name);
    abort();
}

/* Names of the guests in a class of the rendering, and what it says of rebootNeeded. */
static void assert_class(const Fixture *f, const char *key, const char *want)
{
    DmvJsonBuilder b = {0};
    DMV_CLEANUP_JSON json_object *o = NULL;
    DMV_CLEANUP_TEXT DmvText t = {0};
    json_object *list = NULL;

    dmv_jb_object(&b);
    dmv_render_impact(&b, &f->impact);
    o = dmv_jb_end(&b);
    assert_non_null(o);
    assert_true(json_object_object_get_ex(o, key, &list));
    dmv_text_append(&t, "");
    for (size_t i = 0; i < json_object_array_length(list); i++)
        dmv_text_appendf(
            &t, "%s%s", i > 0 ? " " : "",
            json_object_get_string(json_object_object_get(json_object_array_get_idx(list, i), "name")));
    assert_string_equal(t.data, want);
}

static void test_plan(void **state)
{
    Fixture *f = *state;

    judge_plan(f); /* nothing was asked for */
    assert_false(f->impact.changes || f->impact.reboot);
    assert_class(f, "now", "");
    assert_class(f, "reboot", "");
    assert_class(f, "defined", "");
    assert_class(f, "passedThrough", "");

    select_release(f);
    judge_plan(f);
    assert_true(f->impact.changes && f->impact.reboot);
    assert_class(f, "now", "web");
    assert_class(f, "reboot", "db router web");
    assert_class(f, "defined", "idle");
    assert_class(f, "passedThrough", "router");
    assert_list(get(f, "web")->modules, "ice");
    assert_list(get(f, "web")->kernels, K1 " " K2);
    assert_int_equal(get(f, "web")->n_devices, 1); /* not by its disk */
    assert_string_equal(get(f, "web")->devices[0].device->what, "xenbr0");
    assert_list(get(f, "web")->devices[0].drivers, "intel-ice");
    assert_null(get(f, "db")->modules); /* goes down at the reboot, and its driver stays */

    world_apply(&f->world, &f->plan);
    judge_plan(f);
    assert_false(f->impact.changes);
    assert_class(f, "now", "");
}

/* What was given to a guest is driven by nobody here: that driver's change is not its. */
static void test_given(void **state)
{
    Fixture *f = *state;

    select_release(f);
    judge_plan(f);
    assert_true(get(f, "router")->passed);
    assert_false(get(f, "router")->reached || get(f, "router")->now);
    assert_null(get(f, "router")->modules);
    assert_int_equal(get(f, "router")->n_devices, 1);
    assert_string_equal(get(f, "router")->devices[0].function->driver, "pciback");
    assert_list(get(f, "router")->devices[0].unused, "intel-ice");
    assert_null(get(f, "router")->devices[0].drivers);
    assert_null(f->impact.reserved);

    /* nobody has it: it is kept for guests all the same */
    assert_int_equal(dmv_set_string(&f->guests.items[2].devices[0].what, HBA), 0);
    judge_plan(f);
    assert_class(f, "passedThrough", "");
    assert_list(f->impact.reserved, GIVEN);

    /* of one that does not run the host's driver may still have the card */
    assert_int_equal(dmv_set_string(&f->guests.items[2].devices[0].what, NIC), 0);
    judge_plan(f);
    assert_true(get(f, "router")->passed);
    assert_null(get(f, "router")->devices[0].unused);
}

/* A virtual function lives on its physical one. */
static void test_virtual_function(void **state)
{
    Fixture *f = *state;

    assert_int_equal(dmv_strv_push(&f->footings.items[2].slots, NIC), 0);
    assert_int_equal(dmv_strv_push(&f->footings.items[2].modules, "ice"), 0);
    select_release(f);
    judge_plan(f);
    assert_class(f, "now", "router web");
    assert_class(f, "passedThrough", "router");
}

/* Another kernel only: nothing changes for the running one. */
static void test_other_kernel(void **state)
{
    Fixture *f = *state;

    for (size_t i = 0; i < f->world.n_installed; i++)
        if (strcmp(f->world.installed[i].kernel, K1) == 0) {
            dmv_installed_deinit(&f->world.installed[i]);
            f->world.installed[i] = f->world.installed[--f->world.n_installed];
            break;
        }
    select_release(f);
    judge_plan(f);
    assert_true(f->impact.changes && f->impact.reboot);
    assert_class(f, "now", "");
    assert_class(f, "defined", "idle");
    assert_list(get(f, "web")->modules, "ice");
    assert_list(get(f, "web")->kernels, K2);
    assert_int_equal(dmv_impact_check(&f->impact, DMV_GUEST_POLICY_REPORT, true, false, NULL), 0);
}

/* Put in place, and the kernel still runs the file before: whoever reloads it gets the new one. */
static void test_pending(void **state)
{
    Fixture *f = *state;
    DmvLoaded *l = DMV_ARRAY_ADD(f->world.loaded, f->world.n_loaded);

    assert_non_null(l);
    assert_int_equal(dmv_set_string(&l->name, "ice"), 0);
    assert_int_equal(dmv_set_string(&l->build_id, "00112233"), 0);
    select_release(f);
    think(f);
    world_apply(&f->world, &f->plan);
    judge_plan(f);
    assert_true(f->view.reboot_needed);
    assert_false(f->impact.changes);
    assert_true(f->impact.reboot);
    assert_class(f, "now", "web");
    assert_class(f, "reboot", "db router web");
    assert_list(get(f, "web")->kernels, K1);
    /* there is nothing to ask about any more */
    assert_int_equal(dmv_impact_check(&f->impact, DMV_GUEST_POLICY_REFUSE, true, false, NULL), 0);
}

static void test_driver(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_STRV char **modules = NULL;
    char *const hba[] = {(char *)HBA, NULL}, *const mega[] = {(char *)"megaraid-sas", NULL};
    DmvLoaded *l = DMV_ARRAY_ADD(f->world.loaded, f->world.n_loaded);

    assert_non_null(l);
    assert_int_equal(dmv_set_string(&l->name, "ice"), 0);
    think(f);
    assert_int_equal(dmv_impact_driver_modules(&f->view.drivers[0], &modules), 0);
    assert_list(modules, "ice");
    judge(f, &(DmvImpactSubject){.slots = f->view.drivers[0].slots, .modules = modules});
    assert_true(f->impact.reboot);
    assert_class(f, "now", "web");
    assert_class(f, "defined", "idle");
    assert_class(f, "passedThrough", "router");

    /* what is not loaded needs no reboot; names are compared as the kernel does */
    judge(f, &(DmvImpactSubject){.modules = mega});
    assert_false(f->impact.reboot);
    assert_class(f, "now", "db web");
    assert_class(f, "reboot", "");
    assert_list(get(f, "web")->modules, "megaraid_sas");
    judge(f, &(DmvImpactSubject){.slots = hba});
    assert_class(f, "now", "db web");
    assert_class(f, "defined", "");
}

static void test_map(void **state)
{
    Fixture *f = *state;

    think(f);
    judge(f, &(DmvImpactSubject){0}); /* a thing with nothing under it */
    assert_false(f->impact.reboot);
    assert_class(f, "now", "");
    assert_class(f, "defined", "");
    assert_class(f, "passedThrough", "");
    judge(f, &(DmvImpactSubject){.anything = true});
    assert_class(f, "now", "db web");
    assert_class(f, "reboot", "db router web");
    assert_class(f, "defined", "idle");
    assert_class(f, "passedThrough", "router");
    assert_int_equal(get(f, "web")->n_devices, 3); /* all of them */
    assert_list(get(f, "web")->modules, "ice megaraid_sas");
    assert_null(get(f, "web")->devices[2].footing);
}

static void test_problems(void **state)
{
    Fixture *f = *state;

    assert_int_equal(dmv_set_string(&f->footings.items[1].unknown, "sysfs says nothing"), 0);
    f->guests.channels[DMV_CHANNEL_LIBVIRT].state = DMV_CHANNEL_FAILED;
    assert_int_equal(dmv_set_string(&f->guests.channels[DMV_CHANNEL_LIBVIRT].why, "it hangs"), 0);
    (void)dmv_problem_add(&f->guests.problems, "guest odd", DMV_MALFORMED, "its XML ends early");
    judge_plan(f);
    assert_int_equal(f->impact.problems.n, 3);
    assert_string_equal(f->impact.problems.items[0].object, "libvirt");
    assert_string_equal(f->impact.problems.items[0].why,
                        "guests that only this channel knows are left out: it hangs");
    assert_string_equal(f->impact.problems.items[1].object, "guest odd");
    assert_string_equal(f->impact.problems.items[2].object, "/dev/vg/a");
}

static void assert_refused(const Fixture *f, DmvGuestPolicy policy, bool now, const char *why)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    assert_int_equal(dmv_impact_check(&f->impact, policy, now, false, &e), DMV_GUESTS_AFFECTED);
    assert_string_equal(e.why, why);
    assert_non_null(strstr(e.next, "--accept-guests"));
    assert_int_equal(dmv_impact_check(&f->impact, policy, now, true, NULL), 0);
}

/* Nobody tells who runs, so somebody may. */
static void test_unknown(void **state)
{
    Fixture *f = *state;

    for (size_t i = 0; i < f->guests.n; i++)
        f->guests.items[i].state = DMV_GUEST_DEFINED;
    judge_plan(f);
    f->impact.unknown = true;
    assert_int_equal(dmv_impact_check(&f->impact, DMV_GUEST_POLICY_REFUSE, true, false, NULL), 0);
    select_release(f);
    judge_plan(f);
    assert_int_equal(dmv_impact_check(&f->impact, DMV_GUEST_POLICY_REFUSE, true, false, NULL), 0);
    f->impact.unknown = true;
    for (int p = 0; p < DMV_GUEST_POLICY_MAX; p++) {
        assert_refused(f, (DmvGuestPolicy)p, true,
                       "nobody tells which guests run here, so it may affect any");
        if (p != DMV_GUEST_POLICY_REFUSE)
            assert_int_equal(dmv_impact_check(&f->impact, (DmvGuestPolicy)p, false, false, NULL), 0);
    }
    assert_refused(f, DMV_GUEST_POLICY_REFUSE, false,
                   "nobody tells which guests run here, so it may affect any");
}

static void test_check(void **state)
{
    Fixture *f = *state;

    judge_plan(f);
    assert_int_equal(dmv_impact_check(&f->impact, DMV_GUEST_POLICY_REFUSE, true, false, NULL), 0);
    select_release(f);
    judge_plan(f);
    for (int p = 0; p < DMV_GUEST_POLICY_MAX; p++) {
        assert_non_null(dmv_guest_policy_to_string((DmvGuestPolicy)p));
        assert_refused(f, (DmvGuestPolicy)p, true,
                       "web runs on what would change now, ice (xenbr0 on " NIC
                       "): nothing is reloaded by this, but whoever reloads it takes that away from it");
        if (p != DMV_GUEST_POLICY_REFUSE)
            assert_int_equal(dmv_impact_check(&f->impact, (DmvGuestPolicy)p, false, false, NULL), 0);
    }
    assert_null(dmv_guest_policy_to_string(DMV_GUEST_POLICY_MAX));
    assert_refused(
        f, DMV_GUEST_POLICY_REFUSE, false,
        "a reboot has to take this over, and db, router, web run here (policy=refuse in dmv.conf)");
    (void)add_guest(f, "x1", DMV_GUEST_RUNNING);
    (void)add_guest(f, "x2", DMV_GUEST_RUNNING);
    judge_plan(f);
    assert_refused(f, DMV_GUEST_POLICY_REFUSE, false,
                   "a reboot has to take this over, and db, router, web and 2 more run here (policy=refuse "
                   "in dmv.conf)");
    /* nobody runs */
    for (size_t i = 0; i < f->guests.n; i++)
        f->guests.items[i].state = DMV_GUEST_DEFINED;
    judge_plan(f);
    assert_int_equal(dmv_impact_check(&f->impact, DMV_GUEST_POLICY_REFUSE, true, false, NULL), 0);
}

static void test_rendering(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_JSON json_object *channels = NULL, *o = NULL;
    DmvJsonBuilder b = {0};

    f->guests.channels[DMV_CHANNEL_XEND].state = DMV_CHANNEL_UNSAFE;
    f->guests.items[3].channels = 1u << DMV_CHANNEL_XENSTORE | 1u << DMV_CHANNEL_CONFIG;
    channels = dmv_render_channels(&f->guests);
    assert_string_equal(
        json_object_to_json_string_ext(channels, JSON_C_TO_STRING_PLAIN),
        "[{\"channel\":\"libvirt\",\"state\":\"absent\"},{\"channel\":\"xenstore\",\"state\":\"absent\"},"
        "{\"channel\":\"hypervisor\",\"state\":\"absent\"},{\"channel\":\"config\",\"state\":\"absent\"},"
        "{\"channel\":\"xend\",\"state\":\"unsafe\"}]");
    select_release(f);
    judge_plan(f);
    dmv_jb_object(&b);
    dmv_render_impact(&b, &f->impact);
    o = dmv_jb_end(&b);
    assert_string_equal(
        json_object_to_json_string_ext(json_object_object_get(o, "now"),
                                       JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
        "[{\"name\":\"web\",\"id\":4,\"state\":\"running\",\"channels\":[\"xenstore\",\"config\"],"
        "\"devices\":[{"
        "\"kind\":\"interface\",\"what\":\"xenbr0\",\"target\":\"00:16:3e:00:00:01\",\"chain\":\"xenbr0 "
        "on " NIC "\",\"devices\":[\"" NIC
        "\"],\"modules\":[\"ice\"],\"drivers\":[\"intel-ice\"]}],\"modules\":[\"ice\"],"
        "\"kernels\":[\"" K1 "\",\"" K2 "\"]}]");
}

/* A thousand guests on the same few things, and a disk of its own each. */
static void test_thousand(void **state)
{
    Fixture *f = *state;
    struct timespec before, after;

    for (int i = 0; i < 1000; i++) {
        char name[32], disk[32];
        DmvGuest *g;

        (void)snprintf(name, sizeof(name), "x%04d", i);
        (void)snprintf(disk, sizeof(disk), "/dev/vg/x%04d", i);
        g = add_guest(f, name, i % 2 ? DMV_GUEST_RUNNING : DMV_GUEST_DEFINED);
        assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_INTERFACE, "xenbr0", NULL), 0);
        assert_int_equal(dmv_guest_add_device(g, DMV_BACKING_BLOCK, disk, "xvda"), 0);
        (void)add_footing(f, DMV_BACKING_BLOCK, disk, HBA, "megaraid_sas");
    }
    { /* where dmv_footings_find() expects it */
        DmvFooting pci = f->footings.items[2];

        memmove(&f->footings.items[2], &f->footings.items[3], (f->footings.n - 3) * sizeof(pci));
        f->footings.items[f->footings.n - 1] = pci;
    }
    select_release(f);
    think(f);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    judge(f, &(DmvImpactSubject){.plan = &f->plan});
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    print_message("a thousand guests: %lld us of processor time\n",
                  ((long long)after.tv_sec - before.tv_sec) * 1000000 +
                      (after.tv_nsec - before.tv_nsec) / 1000);
    assert_true(get(f, "x0999")->now);
    assert_false(get(f, "x0998")->guest->state == DMV_GUEST_RUNNING);
    assert_true(get(f, "router")->passed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_given, setup, teardown),
        cmocka_unit_test_setup_teardown(test_virtual_function, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pending, setup, teardown),
        cmocka_unit_test_setup_teardown(test_driver, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_problems, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rendering, setup, teardown),
        cmocka_unit_test_setup_teardown(test_thousand, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
