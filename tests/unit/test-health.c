/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Health: every question by itself, on one host that is well and is then made ill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/worldkit.h"
#include "model/health.h"

#define K "6.1.0-10-amd64"
#define NIC "0000:03:00.0"
#define PORT "0000:03:00.1"
#define DISK "0000:04:00.0"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvView view;
    DmvHealth health;
    DmvHealthFacts facts;
} Fixture;

static const char *const modules[] = {"ice.ko", "irdma.ko", NULL};

static void set(char **p, const char *s)
{
    assert_int_equal(dmv_set_string(p, s), 0);
}

static void judge(Fixture *f)
{
    const DmvFacts facts = {.world = &f->world, .intent = &f->intent, .now = 1000};

    dmv_health_deinit(&f->health);
    dmv_view_deinit(&f->view);
    dmv_world_sort(&f->world);
    assert_int_equal(dmv_resolve(&facts, &f->view), 0);
    f->facts.view = &f->view;
    assert_int_equal(dmv_health_judge(&f->facts, &f->health), 0);
}

/* A card of two ports with a selected release that runs, a disk, and both of them lifelines. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    DmvInstalled *x;
    DmvKernel *k;
    DmvLoaded *l;
    DmvBinding *b;

    if (!f)
        return -1;
    k = world_add_kernel(&f->world, K, true);
    world_add_file(k, "kernel/net/ice.ko", NULL);
    world_add_file(k, "kernel/net/irdma.ko", NULL);
    x = world_add_installed(&f->world, "intel-ice", "a", "1", K, "supported", DMV_ORIGIN_STORE, modules);
    world_add_id(x, "ice.ko", 0x8086, 0x1592);
    world_add_device(&f->world, NIC, 0x8086, 0x1592, "ice");
    assert_int_equal(dmv_strv_push(&f->world.devices[0].interfaces, "eth0"), 0);
    world_add_device(&f->world, PORT, 0x8086, 0x1592, "ice");
    assert_int_equal(dmv_strv_push(&f->world.devices[1].interfaces, "eth1"), 0);
    world_add_device(&f->world, DISK, 0x1000, 0x10e2, "megaraid_sas");
    world_depmod(&f->world);
    k = &f->world.kernels[0];
    b = DMV_ARRAY_ADD(k->bindings, k->n_bindings);
    assert_non_null(b);
    set(&b->slot, NIC);
    assert_int_equal(dmv_strv_push(&b->modules, "ice"), 0);
    l = DMV_ARRAY_ADD(f->world.loaded, f->world.n_loaded);
    assert_non_null(l);
    set(&l->name, "ice");
    set(&l->build_id, "ice-a-1-" K);
    world_add_lifeline(&f->world, DMV_LIFELINE_ROOT, "/", DISK, "megaraid_sas");
    world_add_lifeline(&f->world, DMV_LIFELINE_MANAGEMENT, "bond0", NIC, "ice");
    assert_int_equal(dmv_strv_push(&f->world.lifelines[1].slots, PORT), 0);
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "a", "1", NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_health_deinit(&f->health);
    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    free(f);
    return 0;
}

static void assert_finding(const Fixture *f, DmvHealthLevel level, bool lost, const char *object,
                           const char *why)
{
    size_t n = 0;

    for (size_t i = 0; i < f->health.n; i++) {
        const DmvHealthFinding *x = &f->health.items[i];

        n += x->level == level && x->lifeline_lost == lost && strcmp(x->object, object) == 0 &&
             strcmp(x->why, why) == 0;
    }
    for (size_t i = 0; n != 1 && i < f->health.n; i++)
        print_error("%s%s %s: %s\n", dmv_health_level_to_string(f->health.items[i].level),
                    f->health.items[i].lifeline_lost ? " LOST" : "", f->health.items[i].object,
                    f->health.items[i].why);
    assert_int_equal(n, 1);
}

static size_t count(const Fixture *f, DmvHealthLevel level)
{
    size_t n = 0;

    for (size_t i = 0; i < f->health.n; i++)
        n += f->health.items[i].level == level;
    return n;
}

static void assert_well(const Fixture *f)
{
    assert_int_equal(dmv_health_worst(&f->health), DMV_HEALTH_OK);
    assert_false(dmv_health_lifeline_lost(&f->health));
}

static void test_well(void **state)
{
    Fixture *f = *state;

    judge(f);
    assert_well(f);
    assert_int_equal(f->health.n, 3);
    assert_finding(f, DMV_HEALTH_OK, false, "intel-ice",
                   "module ice is loaded from intel-ice/a@1 (known by build_id)");
    assert_finding(f, DMV_HEALTH_OK, false, "/", "all devices under it are bound: / on " DISK);
    assert_string_equal(dmv_health_level_to_string(DMV_HEALTH_FATAL), "error");
    assert_string_equal(dmv_health_level_to_string(DMV_HEALTH_INVALID), "invalid");
}

static void test_another_release_is_loaded(void **state)
{
    Fixture *f = *state;

    world_add_installed(&f->world, "intel-ice", "b", "2", K, "supported", DMV_ORIGIN_STORE, modules);
    set(&f->world.loaded[0].build_id, "ice-b-2-" K);
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice",
                   "module ice is loaded from intel-ice/b@2, and not from intel-ice/a@1");
    set(&f->world.loaded[0].build_id, "nobody-knows-it");
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice",
                   "module ice is loaded, but nothing proves that it is from intel-ice/a@1");
    assert_false(dmv_health_lifeline_lost(&f->health));
}

static void test_nothing_is_loaded(void **state)
{
    Fixture *f = *state;

    dmv_loaded_deinit(&f->world.loaded[0]);
    f->world.n_loaded = 0;
    judge(f);
    assert_int_equal(count(f, DMV_HEALTH_FATAL), 1); /* irdma is needed by no device */
    assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice",
                   "module ice is not loaded, although a device needs it");
}

static void test_initialization_hangs(void **state)
{
    Fixture *f = *state;

    f->world.loaded[0].coming = true;
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice",
                   "module ice is not initialized: it hangs, or an error of its own stopped it");
    assert_true(dmv_health_may_settle(&f->health));
}

static void test_inbox(void **state)
{
    Fixture *f = *state;

    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_INBOX, NULL, NULL, NULL), 0);
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice",
                   "module ice is loaded from intel-ice/a@1, and not from inbox");
    set(&f->world.loaded[0].build_id, "unknown");
    judge(f);
    assert_finding(f, DMV_HEALTH_WARNING, false, "intel-ice",
                   "module ice is loaded, but nothing proves that it is from inbox");
    set(&f->world.kernels[0].files[0].build_id, "unknown");
    judge(f);
    assert_well(f);
}

/* Nothing was asked for: whatever runs is none of our business. */
static void test_no_selection(void **state)
{
    Fixture *f = *state;
    char *log[] = {(char *)"ice: probe of " NIC " failed with error -22", NULL};

    dmv_intent_deinit(&f->intent);
    set(&f->world.loaded[0].build_id, "unknown");
    f->facts.kernel_log = log;
    judge(f);
    assert_well(f);
    assert_int_equal(f->health.n, 2);
}

static void test_the_release_has_vanished(void **state)
{
    Fixture *f = *state;

    dmv_intent_deinit(&f->intent);
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "gone", "7", NULL), 0);
    set(&f->world.kernels[0].files[0].build_id, "own");
    set(&f->world.loaded[0].build_id, "own");
    judge(f);
    assert_int_equal(dmv_health_worst(&f->health), DMV_HEALTH_WARNING);
    assert_int_equal(count(f, DMV_HEALTH_WARNING), 1);
}

static void test_devices_of_lifelines(void **state)
{
    Fixture *f = *state;

    set(&f->world.devices[1].driver, NULL); /* one leg of two */
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, PORT,
                   "no driver is bound to it, and bond0 stands on it: bond0 on " NIC);
    assert_false(dmv_health_lifeline_lost(&f->health));
    set(&f->world.devices[0].driver, NULL);
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, true, NIC,
                   "no driver is bound to it, and bond0 stands on it: bond0 on " NIC);
    assert_true(dmv_health_lifeline_lost(&f->health));
    set(&f->world.lifelines[0].slots[0], "0000:99:00.0");
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, true, "0000:99:00.0",
                   "it is not there, and / stands on it: / on " DISK);
}

static void test_lifelines_before(void **state)
{
    Fixture *f = *state;
    char *mine[] = {(char *)NIC, (char *)"0000:77:00.0", NULL};
    DmvLifeline before[] = {
        {.kind = DMV_LIFELINE_VAR, .what = (char *)"/var", .chain = (char *)"/var on sdb"},
        {.kind = DMV_LIFELINE_SWAP, .what = (char *)"/dev/dm-1", .chain = (char *)"swap on dm-1"},
        {.kind = DMV_LIFELINE_MANAGEMENT, .what = (char *)"eth9", .chain = (char *)"eth9 on x"},
        {.kind = DMV_LIFELINE_MANAGEMENT,
         .what = (char *)"bond0",
         .chain = (char *)"bond0 on both",
         .slots = mine},
    };

    f->facts.lifelines_before = before;
    f->facts.n_lifelines_before = DMV_N_ELEMENTS(before);
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, true, "/var", "it is not mounted any more: /var on sdb");
    assert_finding(f, DMV_HEALTH_WARNING, false, "/dev/dm-1", "it is not swapped to any more");
    assert_finding(f, DMV_HEALTH_FATAL, true, "eth9", "no default route goes there any more: eth9 on x");
    assert_finding(f, DMV_HEALTH_FATAL, false, "0000:77:00.0",
                   "bond0 stood on it, and it has no driver now: bond0 on both");
    assert_int_equal(count(f, DMV_HEALTH_FATAL), 3);
}

static void test_links(void **state)
{
    Fixture *f = *state;
    char *before[] = {(char *)"eth0", (char *)"eth1", (char *)"eth5", NULL};
    char *now[] = {(char *)"eth0", (char *)"eth2", NULL};

    f->facts.links_before = before;
    f->facts.links_now = now;
    judge(f);
    assert_finding(f, DMV_HEALTH_OK, false, "eth0", "the link is up");
    assert_finding(f, DMV_HEALTH_FATAL, false, "eth1", "the link was up and is not any more");
    assert_finding(f, DMV_HEALTH_WARNING, false, "eth5",
                   "the link was up and is not any more"); /* not ours */
    assert_int_equal(count(f, DMV_HEALTH_FATAL), 1);
    f->facts.links_now = NULL;
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, true, "eth0", "the link was up and is not any more");
    assert_finding(f, DMV_HEALTH_FATAL, true, "eth1", "the link was up and is not any more");
    f->facts.links_before = NULL;
    judge(f);
    assert_well(f);
}

/* Worth waiting for: links, routes, and what others found while one is down. */
static void test_what_may_settle(void **state)
{
    Fixture *f = *state;
    char *before[] = {(char *)"eth1", NULL}, *words[] = {(char *)"10-ping: no answer", NULL};
    DmvLifeline route = {
        .kind = DMV_LIFELINE_MANAGEMENT, .what = (char *)"eth9", .chain = (char *)"eth9 on x"};

    judge(f);
    assert_false(dmv_health_may_settle(&f->health));
    f->facts.told = words;
    judge(f);
    assert_false(dmv_health_may_settle(&f->health));
    f->facts.links_before = before;
    judge(f);
    assert_true(dmv_health_may_settle(&f->health));
    f->facts.links_before = NULL;
    f->facts.lifelines_before = &route;
    f->facts.n_lifelines_before = 1;
    judge(f);
    assert_true(dmv_health_may_settle(&f->health));
    set(&f->world.loaded[0].build_id, "nobody-knows-it");
    judge(f);
    assert_false(dmv_health_may_settle(&f->health));
    set(&f->world.loaded[0].build_id, "ice-a-1-" K);
    route.kind = DMV_LIFELINE_VAR;
    judge(f);
    assert_false(dmv_health_may_settle(&f->health));
}

static void test_words_of_the_kernel(void **state)
{
    static const char *const failures[] = {
        "ice 0000:03:00.0: probe with driver ice failed with error -5",
        "ice: probe of 0000:03:00.1 failed with error -22",
        "ice 0000:03:00.0: Direct firmware load for intel/ice/ddp/ice.pkg failed with error -2",
        "ice 0000:03:00.0: The DDP package file was not found or could not be read. firmware: failed to load",
        "intel irdma: initialization failed",
    };
    static const char *const fine[] = {
        "ice 0000:03:00.0: The DDP package was successfully loaded: ICE OS Default Package version 1.3.30.0",
        "ice 0000:03:00.0: firmware version 4.40",
        "megaraid_sas 0000:04:00.0: probe failed with error -5", /* not ours */
        "ice 10000:03:00.0 x: nothing",
        "device: probe failed with error -5",
        "nice 0000:13:00.0: probe failed",
        "ice_adapter 0000:13:00.0: probe failed",
        "ice 0000:03:00.0 eth0: NIC Link is Down",
    };
    Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(failures); i++) {
        char *log[] = {(char *)failures[i], NULL};
        DMV_CLEANUP_TEXT DmvText why = {0};

        f->facts.kernel_log = log;
        judge(f);
        dmv_text_appendf(&why, "the kernel says: %s", failures[i]);
        assert_true(dmv_health_is_failure(failures[i]));
        assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice", why.data);
    }
    for (size_t i = 0; i < DMV_N_ELEMENTS(fine); i++) {
        char *log[] = {(char *)fine[i], NULL};

        f->facts.kernel_log = log;
        judge(f);
        if (count(f, DMV_HEALTH_FATAL) > 0)
            fail_msg("taken for a failure of ours: %s", fine[i]);
    }
    f->facts.kernel_log = NULL;
}

static void test_changed_names(void **state)
{
    Fixture *f = *state;
    DmvName old[] = {
        {.slot = (char *)NIC, .place = (char *)"port-0", .name = (char *)"eth0", .order = 0},
        {.slot = (char *)PORT, .place = (char *)"port-0", .name = (char *)"eth1", .order = 1},
        {.kind = DMV_NAME_DISK, .slot = (char *)DISK, .place = (char *)"scsi-0:0:0:0", .name = (char *)"sda"},
    };
    DmvName fresh[] = {
        {.slot = (char *)NIC, .place = (char *)"port-0", .name = (char *)"ens1", .order = 1},
        {.slot = (char *)PORT, .place = (char *)"port-0", .name = (char *)"eth1", .order = 0},
        {.slot = (char *)PORT, .place = (char *)"port-1", .name = (char *)"eth7", .order = 2},
    };
    const DmvNames before = {old, 3}, now = {fresh, 3}, same = {old, 3};

    f->facts.names_before = &before;
    f->facts.names_now = &same;
    judge(f);
    assert_well(f);
    f->facts.names_now = &now;
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "eth0", "it is called ens1 now (" NIC ")");
    assert_finding(f, DMV_HEALTH_FATAL, false, "sda", "it is gone (it was on " DISK ")");
    assert_finding(f, DMV_HEALTH_OK, false, "eth7", "it is new (on " PORT ")");
    f->facts.allow_renames = true;
    judge(f);
    assert_int_equal(dmv_health_worst(&f->health), DMV_HEALTH_WARNING);
}

/* A link and a route that go by another name now are there all the same. */
static void test_renamed_interface(void **state)
{
    Fixture *f = *state;
    DmvName old[] = {{.slot = (char *)NIC, .place = (char *)"port-0", .name = (char *)"eth0"}};
    DmvName fresh[] = {{.slot = (char *)NIC, .place = (char *)"port-0", .name = (char *)"ens1"}};
    const DmvNames before = {old, 1}, now = {fresh, 1};
    char *links_before[] = {(char *)"eth0", NULL}, *links_now[] = {(char *)"ens1", NULL};
    DmvLifeline management = {
        .kind = DMV_LIFELINE_MANAGEMENT, .what = (char *)"eth0", .chain = (char *)"eth0 on x"};

    f->facts.names_before = &before;
    f->facts.names_now = &now;
    f->facts.links_before = links_before;
    f->facts.links_now = links_now;
    f->facts.lifelines_before = &management;
    f->facts.n_lifelines_before = 1;
    f->facts.allow_renames = true;
    set(&f->world.lifelines[1].what, "ens1");
    set(&f->world.devices[0].interfaces[0], "ens1");
    judge(f);
    assert_finding(f, DMV_HEALTH_WARNING, false, "eth0", "it is called ens1 now (" NIC ")");
    assert_int_equal(dmv_health_worst(&f->health), DMV_HEALTH_WARNING);
    f->facts.links_now = NULL;
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, true, "eth0", "the link was up and is not any more");
}

/* The interface went with its driver, and so did the way to it. */
static void test_interface_is_gone(void **state)
{
    Fixture *f = *state;
    DmvName old[] = {{.slot = (char *)PORT, .place = (char *)"port-0", .name = (char *)"eth1"}};
    const DmvNames before = {old, 1}, now = {NULL, 0};
    char *links_before[] = {(char *)"eth1", NULL};

    for (size_t i = 0; i < f->world.n_lifelines; i++)
        dmv_lifeline_deinit(&f->world.lifelines[i]);
    f->world.n_lifelines = 0;
    f->world.devices[1].interfaces = dmv_strv_free(f->world.devices[1].interfaces);
    f->facts.names_before = &before;
    f->facts.names_now = &now;
    f->facts.links_before = links_before;
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "eth1", "the link was up and is not any more");
    assert_finding(f, DMV_HEALTH_FATAL, false, "eth1", "it is gone (it was on " PORT ")");
}

/* A card that was found after another one of its driver, and was found before it, is another card for whoever
 * counts. */
static void test_order_of_names(void **state)
{
    Fixture *f = *state;
    DmvName old[] = {
        {.slot = (char *)NIC, .place = (char *)"port-0", .name = (char *)"eth0", .order = 0},
        {.slot = (char *)PORT, .place = (char *)"port-0", .name = (char *)"eth1", .order = 1},
    };
    DmvName fresh[] = {
        {.slot = (char *)NIC, .place = (char *)"port-0", .name = (char *)"eth0", .order = 1},
        {.slot = (char *)PORT, .place = (char *)"port-0", .name = (char *)"eth1", .order = 0},
    };
    const DmvNames before = {old, 2}, now = {fresh, 2};

    f->facts.names_before = &before;
    f->facts.names_now = &now;
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "eth0", "the kernel found others before it this time");
    assert_int_equal(count(f, DMV_HEALTH_FATAL), 1);
    f->facts.allow_renames = true;
    judge(f);
    assert_finding(f, DMV_HEALTH_WARNING, false, "eth0", "the kernel found others before it this time");
    f->facts.allow_renames = false;
    set(&f->world.devices[1].driver, "ixgbe"); /* two drivers race */
    judge(f);
    assert_finding(f, DMV_HEALTH_WARNING, false, "eth0", "the kernel found others before it this time");
    assert_int_equal(dmv_health_worst(&f->health), DMV_HEALTH_WARNING);
}

/* Nobody can go by the letter of a disk, and a card with which nobody changed anything may be taken out. */
static void test_names_of_no_concern(void **state)
{
    Fixture *f = *state;
    DmvName old[] = {
        {.slot = (char *)"0000:55:00.0", .place = (char *)"port-0", .name = (char *)"eth6"},
        {.kind = DMV_NAME_DISK, .slot = (char *)DISK, .place = (char *)"scsi-0:0:0:0", .name = (char *)"sda"},
    };
    DmvName fresh[] = {
        {.kind = DMV_NAME_DISK, .slot = (char *)DISK, .place = (char *)"scsi-0:0:0:0", .name = (char *)"sdb"},
    };
    const DmvNames before = {old, 2}, now = {fresh, 1};

    f->facts.names_before = &before;
    f->facts.names_now = &now;
    judge(f);
    assert_finding(f, DMV_HEALTH_WARNING, false, "eth6", "it is gone (it was on 0000:55:00.0)");
    assert_finding(f, DMV_HEALTH_WARNING, false, "sda", "it is called sdb now (" DISK ")");
    assert_int_equal(dmv_health_worst(&f->health), DMV_HEALTH_WARNING);
}

static void test_told(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_STRV char **problems = NULL;
    char *words[] = {(char *)"20-bad: no storage\x1b[31m", (char *)"the bond has no link: eth0",
                     (char *)": what?", NULL};

    judge(f);
    assert_int_equal(dmv_health_problems(&f->health, &problems), 0);
    assert_null(problems);
    f->facts.told = words;
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "20-bad", "no storage?[31m");
    assert_finding(f, DMV_HEALTH_FATAL, false, "report", "the bond has no link: eth0");
    assert_finding(f, DMV_HEALTH_FATAL, false, "report", ": what?");
    assert_false(dmv_health_lifeline_lost(&f->health));
    assert_int_equal(dmv_health_problems(&f->health, &problems), 0);
    assert_int_equal(dmv_strv_length(problems), 3);
    assert_string_equal(problems[1], "report: the bond has no link: eth0");
}

/* What could not be looked at is said, and is no reason to go back. */
static void test_what_is_not_known(void **state)
{
    Fixture *f = *state;

    f->facts.before_problem = "seen.json: malformed";
    f->facts.kernel_log_problem = "there is no journal of this boot";
    judge(f);
    assert_finding(f, DMV_HEALTH_WARNING, false, "last good boot", "seen.json: malformed");
    assert_finding(f, DMV_HEALTH_WARNING, false, "kernel log", "there is no journal of this boot");
    assert_int_equal(dmv_health_worst(&f->health), DMV_HEALTH_WARNING);
}

/* A device that the index has a module of the driver for has to be driven by something. */
static void test_devices_of_drivers(void **state)
{
    Fixture *f = *state;

    for (size_t i = 0; i < f->world.n_lifelines; i++)
        dmv_lifeline_deinit(&f->world.lifelines[i]);
    f->world.n_lifelines = 0;
    set(&f->world.devices[1].driver, NULL); /* the index has nothing for it */
    judge(f);
    assert_well(f);
    set(&f->world.devices[0].driver, "vfio-pci");
    judge(f);
    assert_well(f);
    set(&f->world.devices[0].driver, NULL);
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, NIC, "no driver is bound to it, and intel-ice is selected");
    set(&f->world.devices[0].physfn, PORT);
    judge(f);
    assert_well(f);
}

/* What is recommended moves on with the catalog; what was activated stays right. */
static void test_recommended(void **state)
{
    Fixture *f = *state;

    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RECOMMENDED, NULL, NULL, NULL), 0);
    judge(f);
    assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice",
                   "module ice is loaded from intel-ice/a@1, and not from inbox");
    world_add_file(&f->world.kernels[0], "updates/ice.ko", "../../../dmv/store/" K "/intel-ice/a/1/ice.ko");
    world_depmod(&f->world);
    judge(f);
    assert_finding(f, DMV_HEALTH_OK, false, "intel-ice",
                   "module ice is loaded from intel-ice/a@1 (known by build_id)");
}

/* What the kernel said when all was good is no news. */
static void test_known_words_of_the_kernel(void **state)
{
    Fixture *f = *state;
    char *log[] = {(char *)"ice 0000:03:00.0: firmware: failed to load a.pkg",
                   (char *)"ice 0000:03:00.0: firmware: failed to load b.pkg", NULL};
    char *before[] = {log[0], NULL};

    f->facts.kernel_log = log;
    f->facts.kernel_log_before = before;
    judge(f);
    assert_finding(
        f, DMV_HEALTH_WARNING, false, "intel-ice",
        "the kernel says, as it did when all was good: ice 0000:03:00.0: firmware: failed to load a.pkg");
    assert_finding(f, DMV_HEALTH_FATAL, false, "intel-ice",
                   "the kernel says: ice 0000:03:00.0: firmware: failed to load b.pkg");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_well),
        TEST(test_another_release_is_loaded),
        TEST(test_nothing_is_loaded),
        TEST(test_initialization_hangs),
        TEST(test_inbox),
        TEST(test_no_selection),
        TEST(test_the_release_has_vanished),
        TEST(test_devices_of_lifelines),
        TEST(test_lifelines_before),
        TEST(test_links),
        TEST(test_words_of_the_kernel),
        TEST(test_changed_names),
        TEST(test_told),
        TEST(test_what_may_settle),
        TEST(test_renamed_interface),
        TEST(test_interface_is_gone),
        TEST(test_order_of_names),
        TEST(test_names_of_no_concern),
        TEST(test_what_is_not_known),
        TEST(test_devices_of_drivers),
        TEST(test_recommended),
        TEST(test_known_words_of_the_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
