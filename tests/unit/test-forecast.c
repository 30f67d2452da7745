/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The forecast's judgement, over outlooks made by hand; and outlooks on the wire. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/worldkit.h"
#include "model/forecast.h"

#define K "6.1.0-10-amd64"
#define SLOT "0000:03:00.0"
#define ALIAS "pci:ice"
#define CHILD "virtio:x"
#define INBOX "kernel/drivers/net/ethernet/intel/ice/ice.ko"
#define ID_INBOX "1111111111111111111111111111111111111111"
#define ID_DELL "2222222222222222222222222222222222222222"

typedef struct Fixture {
    DmvWorld world;
    DmvIntent intent;
    DmvView view;
    DmvPlan plan;
    DmvOutlook outlook;
    DmvForecast forecast;
} Fixture;

static void set(char **p, const char *s)
{
    assert_int_equal(dmv_set_string(p, s), 0);
}

static DmvLookup *add_lookup(DmvLookups *all, const char *key)
{
    DmvLookup *l = DMV_ARRAY_ADD(all->items, all->n);

    assert_non_null(l);
    set(&l->key, key);
    return l;
}

static DmvAction *add_action(DmvLookup *l, const char *module, const char *path, bool direct)
{
    DmvAction *a = DMV_ARRAY_ADD(l->actions, l->n_actions);

    assert_non_null(a);
    set(&a->module, module);
    set(&a->path, path);
    a->direct = direct;
    return a;
}

static DmvCopy *add_copy(DmvOutlook *o, const char *module, const char *build_id)
{
    DmvCopy *c;

    if (o->n_images == 0) {
        DmvImageOutlook *x = DMV_ARRAY_ADD(o->images, o->n_images);

        assert_non_null(x);
        set(&x->path, "boot/initrd.img-" K);
    }
    c = DMV_ARRAY_ADD(o->images[0].copies, o->images[0].n_copies);
    assert_non_null(c);
    set(&c->module, module);
    set(&c->path, "kernel/x.ko");
    set(&c->build_id, build_id);
    return c;
}

static const char *const ice[] = {"ice.ko", NULL};

/* A card with ice, inbox now, and dell@2 selected. */
static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    DmvKernel *k;
    DmvDevice *d;
    DmvInstalled *x;
    DmvError e = {0};

    if (!f)
        return -1;
    k = world_add_kernel(&f->world, K, true);
    world_add_file(k, INBOX, NULL);
    d = world_add_device(&f->world, SLOT, 0x8086, 0x1592, "ice");
    set(&d->modalias, ALIAS);
    assert_int_equal(dmv_strv_push(&d->child_modaliases, CHILD), 0);
    x = world_add_installed(&f->world, "intel-ice", "dell", "2", K, "supported", DMV_ORIGIN_STORE, ice);
    set(&x->modules[0].info.name, "ice");
    set(&x->modules[0].info.build_id, ID_DELL);
    world_add_id(x, "ice.ko", 0x8086, 0x1592);
    f->world.depmod_excludes = true;
    world_depmod(&f->world);
    assert_int_equal(dmv_intent_select(&f->intent, "intel-ice", DMV_SELECT_RELEASE, "dell", "2", NULL), 0);
    assert_int_equal(
        dmv_resolve(&(DmvFacts){.world = &f->world, .intent = &f->intent, .now = 1000}, &f->view), 0);
    assert_int_equal(dmv_plan(&f->view, "usr/lib/modules", &f->plan, &e), 0);
    set(&f->outlook.kernel, K);
    f->outlook.has_now = f->outlook.has_next = true;
    set(&add_action(add_lookup(&f->outlook.now, ALIAS), "ice", INBOX, true)->build_id, ID_INBOX);
    set(&add_action(add_lookup(&f->outlook.next, ALIAS), "ice", "updates/ice.ko", true)->build_id, ID_DELL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    dmv_forecast_deinit(&f->forecast);
    dmv_outlook_deinit(&f->outlook);
    dmv_plan_deinit(&f->plan);
    dmv_view_deinit(&f->view);
    dmv_intent_deinit(&f->intent);
    dmv_world_deinit(&f->world);
    free(f);
    return 0;
}

static const DmvDeviceForecast *judge(Fixture *f)
{
    dmv_lookups_sort(&f->outlook.now);
    dmv_lookups_sort(&f->outlook.next);
    assert_int_equal(dmv_forecast(&f->view, &f->plan, &f->outlook, 1, &f->forecast), 0);
    assert_int_equal(f->forecast.n_devices, 1);
    return &f->forecast.devices[0];
}

static void test_change(void **state)
{
    const DmvDeviceForecast *d = judge(*state);

    assert_string_equal(d->kernel, K);
    assert_string_equal(d->device->slot, SLOT);
    assert_true(d->changed);
    assert_int_equal(d->n_now, 1);
    assert_string_equal(d->now[0].release, "inbox");
    assert_int_equal(d->n_next, 1);
    assert_string_equal(d->next[0].path, "updates/ice.ko");
    assert_string_equal(d->next[0].release, "intel-ice/dell@2");
    assert_null(d->notes);
}

static void test_what_stands_in_the_way(void **state)
{
    Fixture *f = *state;
    DmvLookup *l = &f->outlook.next.items[0];
    const DmvDeviceForecast *d;

    set(&l->actions[0].install, "/bin/true");
    assert_int_equal(dmv_strv_push(&l->blacklisted, "bb"), 0);
    assert_int_equal(dmv_strv_push(&l->softdeps, "ice pre: cc"), 0);
    set(&l->problem, "it is gone");
    d = judge(f);
    assert_int_equal(dmv_strv_length(d->notes), 4);
    assert_string_equal(d->notes[0],
                        "bb matches and is blacklisted in modprobe.d: it is not loaded by itself");
    assert_string_equal(d->notes[1], "softdep of ice pre: cc");
    assert_string_equal(d->notes[2],
                        "an install rule of modprobe.d runs in the place of loading ice: /bin/true");
    assert_string_equal(d->notes[3], "the lookup failed: it is gone");
    assert_string_equal(d->next[0].install, "/bin/true");
}

/* The module stays, a dependency moves: that is a change, too. */
static void test_dependencies(void **state)
{
    Fixture *f = *state;
    const DmvDeviceForecast *d;

    dmv_lookups_deinit(&f->outlook.next);
    set(&add_action(add_lookup(&f->outlook.next, ALIAS), "ice", INBOX, true)->build_id, ID_INBOX);
    (void)add_action(&f->outlook.now.items[0], "ptp", "kernel/ptp.ko", false);
    (void)add_action(&f->outlook.now.items[0], "old", "kernel/old.ko", false);
    (void)add_action(&f->outlook.next.items[0], "ptp", "extra/ptp.ko", false);
    d = judge(f);
    assert_true(d->changed);
    assert_int_equal(dmv_strv_length(d->notes), 2);
    assert_string_equal(d->notes[0],
                        "ptp, which is loaded with it, comes from extra/ptp.ko instead of kernel/ptp.ko");
    assert_string_equal(d->notes[1], "old is not loaded with it any more");
}

/* All modaliases of a device count; the same module under two of them is one. */
static void test_children(void **state)
{
    Fixture *f = *state;
    const DmvDeviceForecast *d;

    (void)add_action(add_lookup(&f->outlook.now, CHILD), "virtio_net", NULL, true);
    (void)add_action(&f->outlook.now.items[1], "ice", INBOX, true);
    (void)add_action(add_lookup(&f->outlook.next, CHILD), "virtio_net", NULL, true);
    d = judge(f);
    assert_int_equal(d->n_now, 2);
    assert_int_equal(d->n_next, 2);
    assert_string_equal(d->next[1].module, "virtio_net");
    assert_null(d->next[1].release);
}

static void test_keys(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_STRV char **keys = NULL;
    DmvDevice *d;

    d = world_add_device(&f->world, "0000:04:00.0", 0x8086, 0x1592, "ice");
    set(&d->modalias, ALIAS);
    d = world_add_device(&f->world, "0000:04:00.1", 0x8086, 0x1889, NULL);
    set(&d->modalias, "pci:vf");
    set(&d->physfn, "0000:04:00.0");
    assert_int_equal(dmv_forecast_keys(&f->world, &keys), 0);
    assert_int_equal(dmv_strv_length(keys), 2);
    assert_string_equal(keys[0], ALIAS);
    assert_string_equal(keys[1], CHILD);
}

/* "I changed the driver, rebooted, and the old one loaded." */
static void test_stale_image(void **state)
{
    Fixture *f = *state;
    const DmvImageForecast *x;

    (void)add_copy(&f->outlook, "ice", ID_INBOX);
    (void)add_copy(&f->outlook, "unrelated", ID_INBOX);
    (void)judge(f);
    assert_int_equal(f->forecast.n_images, 1);
    x = &f->forecast.images[0];
    assert_true(x->stale);
    assert_non_null(strstr(x->next, "update-initramfs -u -k " K));
    assert_int_equal(x->n_copies, 1);
    assert_string_equal(x->copies[0].slots[0], SLOT);
    assert_string_equal(x->copies[0].release, "inbox");
    assert_string_equal(x->copies[0].next_release, "intel-ice/dell@2");
    assert_true(x->copies[0].stale);
}

/* What an initrd step builds again is not for the admin to do; what none does is, with the right tool. */
static void test_who_rebuilds_an_image(void **state)
{
    Fixture *f = *state;
    size_t n = f->plan.n_steps;

    (void)add_copy(&f->outlook, "ice", ID_INBOX);
    set(&f->outlook.images[0].builder, "/usr/bin/dracut");
    assert_int_equal(f->plan.steps[n - 1].kind, DMV_STEP_INITRD);
    (void)judge(f);
    assert_string_equal(f->forecast.images[0].next, "activating builds it again with /usr/bin/dracut");
    dmv_forecast_deinit(&f->forecast);
    f->plan.n_steps = n - 1;
    (void)judge(f);
    assert_string_equal(f->forecast.images[0].next, "no step rebuilds it: run dracut -f --kver " K);
    dmv_forecast_deinit(&f->forecast);
    set(&f->outlook.images[0].builder, "/usr/sbin/mkinitramfs");
    (void)judge(f);
    assert_string_equal(f->forecast.images[0].next, "no step rebuilds it: run update-initramfs -u -k " K);
    f->plan.n_steps = n;
}

static void test_good_image(void **state)
{
    Fixture *f = *state;

    (void)add_copy(&f->outlook, "ice", ID_DELL);
    (void)judge(f);
    assert_false(f->forecast.images[0].stale);
    assert_null(f->forecast.images[0].next);
    assert_string_equal(f->forecast.images[0].copies[0].release, "intel-ice/dell@2");
}

/* Nothing is claimed about a copy that cannot be told from another, or that the image does not load. */
static void test_images_without_a_claim(void **state)
{
    Fixture *f = *state;

    (void)add_copy(&f->outlook, "ice", NULL);
    (void)judge(f);
    assert_false(f->forecast.images[0].stale);
    assert_null(f->forecast.images[0].copies[0].release);
    dmv_forecast_deinit(&f->forecast);
    set(&f->outlook.images[0].copies[0].build_id, ID_INBOX);
    assert_int_equal(dmv_strv_push(&f->outlook.images[0].blacklist, "ice"), 0);
    (void)judge(f);
    assert_false(f->forecast.images[0].stale);
}

/* Without one side nothing is said of devices; the problem is passed on. */
static void test_failed_side(void **state)
{
    Fixture *f = *state;

    f->outlook.has_next = false;
    assert_int_equal(dmv_strv_push(&f->outlook.problems, "depmod was tried and failed: no"), 0);
    assert_int_equal(dmv_forecast(&f->view, &f->plan, &f->outlook, 1, &f->forecast), 0);
    assert_int_equal(f->forecast.n_devices, 0);
    assert_int_equal(f->forecast.problems.n, 1);
    assert_string_equal(f->forecast.problems.items[0].object, K);
}

static void test_wire(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_JSON json_object *first = NULL, *second = NULL;
    DMV_CLEANUP_OUTLOOK DmvOutlook o = {0};

    (void)add_copy(&f->outlook, "ice", ID_INBOX);
    assert_int_equal(dmv_strv_push(&f->outlook.problems, "a problem"), 0);
    first = dmv_outlook_render(&f->outlook);
    assert_non_null(first);
    assert_int_equal(dmv_outlook_read(first, &o, NULL), 0);
    second = dmv_outlook_render(&o);
    assert_true(json_object_equal(first, second));
}

static void test_bad_wire(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"kernel\":1,\"images\":[],\"problems\":[]}",
        "{\"kernel\":\"k\",\"images\":[{}],\"problems\":[]}",
        "{\"kernel\":\"k\",\"images\":[],\"problems\":[],\"now\":[{\"key\":\"x\"}]}",
        "{\"kernel\":\"k\",\"images\":[],\"problems\":[],\"next\":[1]}",
        "{\"kernel\":\"k\",\"images\":[],\"problems\":[],\"next\":[{\"key\":\"x\",\"blacklisted\":[],"
        "\"softdeps\":[],"
        "\"actions\":[{\"module\":\"x\"}]}]}",
    };
    static const DmvJsonLimits limits = {.size = 4096, .depth = 8, .nodes = 100};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        DMV_CLEANUP_JSON json_object *o = NULL;
        DMV_CLEANUP_OUTLOOK DmvOutlook outlook = {0};
        DMV_CLEANUP_ERROR DmvError e = {0};

        assert_int_equal(dmv_json_parse(bad[i], strlen(bad[i]), &limits, &o, NULL), 0);
        assert_int_equal(dmv_outlook_read(o, &outlook, &e), DMV_MALFORMED);
        assert_non_null(e.why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_stands_in_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dependencies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_children, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_image, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_rebuilds_an_image, setup, teardown),
        cmocka_unit_test_setup_teardown(test_good_image, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images_without_a_claim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_side, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wire, setup, teardown),
        cmocka_unit_test(test_bad_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
