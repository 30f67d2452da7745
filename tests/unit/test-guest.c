/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests of several channels become one list: what is one guest, one device, and what is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "model/guest.h"

#define U1 "11111111-1111-1111-1111-111111111111"
#define U2 "22222222-2222-2222-2222-222222222222"

static DmvGuest *add(DmvGuests *g, DmvChannelKind kind, const char *name, const char *uuid, int64_t id)
{
    DmvGuest *x = DMV_ARRAY_ADD(g->items, g->n);

    assert_non_null(x);
    *x = (DmvGuest){
        .id = id, .state = id >= 0 ? DMV_GUEST_RUNNING : DMV_GUEST_DEFINED, .channels = 1u << kind};
    assert_int_equal(dmv_set_string(&x->name, name), 0);
    assert_int_equal(dmv_set_string(&x->uuid, uuid), 0);
    g->channels[kind] = (DmvChannel){.kind = kind, .state = DMV_CHANNEL_OK};
    return x;
}

static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i < DMV_CHANNEL_MAX; i++)
        assert_int_equal(dmv_channel_kind_from_string(dmv_channel_kind_to_string((DmvChannelKind)i)), i);
    for (int i = 0; i < DMV_CHANNEL_STATE_MAX; i++)
        assert_int_equal(dmv_channel_state_from_string(dmv_channel_state_to_string((DmvChannelState)i)), i);
    for (int i = 0; i < DMV_GUEST_STATE_MAX; i++)
        assert_int_equal(dmv_guest_state_from_string(dmv_guest_state_to_string((DmvGuestState)i)), i);
    for (int i = 0; i < DMV_BACKING_MAX; i++)
        assert_int_equal(dmv_backing_kind_from_string(dmv_backing_kind_to_string((DmvBackingKind)i)), i);
    assert_int_equal(dmv_channel_kind_from_string("xapi"), DMV_CHANNEL_INVALID);
    assert_int_equal(dmv_channel_state_from_string(NULL), DMV_CHANNEL_STATE_INVALID);
    assert_int_equal(dmv_guest_state_from_string(""), DMV_GUEST_STATE_INVALID);
    assert_int_equal(dmv_backing_kind_from_string("PCI"), DMV_BACKING_INVALID);
    assert_null(dmv_channel_kind_to_string(DMV_CHANNEL_INVALID));
    assert_null(dmv_channel_state_to_string(DMV_CHANNEL_STATE_MAX));
    assert_null(dmv_guest_state_to_string(DMV_GUEST_STATE_INVALID));
    assert_null(dmv_backing_kind_to_string(DMV_BACKING_MAX));
}

static void test_uuids(void **state)
{
    static const char *const bad[] = {"",
                                      "4dea22b31d52d8f32516782e98ab3fa",
                                      "4dea22b31d52d8f32516782e98ab3fa00",
                                      "4dea22b31d52d8f32516782e98ab3fag",
                                      U1 " ",
                                      "00000000-0000-0000-0000-000000000000"};
    char uuid[DMV_UUID_SIZE];

    (void)state;
    assert_true(dmv_uuid_normalize("4DEA22b31d52d8f32516782e98ab3fa0", uuid));
    assert_string_equal(uuid, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
    assert_true(dmv_uuid_normalize(U1, uuid));
    assert_string_equal(uuid, U1);
    assert_false(dmv_uuid_normalize(NULL, uuid));
    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++)
        assert_false(dmv_uuid_normalize(bad[i], uuid));
}

/* What may be looked up by its name is what that kind of thing may be called. */
static void test_backings(void **state)
{
    (void)state;
    assert_true(dmv_backing_is_valid(DMV_BACKING_INTERFACE, "xenbr0"));
    assert_false(dmv_backing_is_valid(DMV_BACKING_INTERFACE, "../../block"));
    assert_false(dmv_backing_is_valid(DMV_BACKING_INTERFACE, "a-name-too-long-"));
    assert_true(dmv_backing_is_valid(DMV_BACKING_BLOCK, "/dev/vg/guest"));
    assert_false(dmv_backing_is_valid(DMV_BACKING_BLOCK, "dev/vg/guest"));
    assert_false(dmv_backing_is_valid(DMV_BACKING_FILE, "/srv/../etc/shadow"));
    assert_false(dmv_backing_is_valid(DMV_BACKING_FILE, "/srv/.."));
    assert_true(dmv_backing_is_valid(DMV_BACKING_FILE, "/srv/..a"));
    assert_true(dmv_backing_is_valid(DMV_BACKING_PCI, "0000:03:00.0"));
    assert_false(dmv_backing_is_valid(DMV_BACKING_PCI, "03:00.0"));
    assert_true(dmv_backing_is_valid(DMV_BACKING_OTHER, "network default"));
    assert_false(dmv_backing_is_valid(DMV_BACKING_OTHER, ""));
    assert_false(dmv_backing_is_valid(DMV_BACKING_INVALID, "x"));
}

static void test_devices(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};
    char path[32];
    int r = 0;

    (void)state;
    assert_int_equal(dmv_guest_add_device(&g, DMV_BACKING_FILE, "relative.img", "xvda"), 0);
    assert_int_equal(g.devices[0].kind, DMV_BACKING_OTHER);
    assert_int_equal(dmv_guest_add_device(&g, DMV_BACKING_OTHER, "a\nb", ""), 0);
    assert_string_equal(g.devices[1].what, "a?b");
    assert_null(g.devices[1].target);
    for (int i = 0; r == 0; i++) {
        (void)snprintf(path, sizeof(path), "/dev/sd%d", i);
        r = dmv_guest_add_device(&g, DMV_BACKING_BLOCK, path, NULL);
    }
    assert_int_equal(r, DMV_TOO_LARGE);
    assert_int_equal(g.n_devices, DMV_GUEST_DEVICES_MAX);
}

static void add_device(DmvGuest *g, DmvBackingKind kind, const char *what, const char *target)
{
    assert_int_equal(dmv_guest_add_device(g, kind, what, target), 0);
}

static void test_same_device(void **state)
{
    DMV_CLEANUP_GUEST DmvGuest g = {0};

    (void)state;
    add_device(&g, DMV_BACKING_OTHER, "network default", "00:16:3e:00:00:01");
    add_device(&g, DMV_BACKING_INTERFACE, "virbr0", "00:16:3E:00:00:01");
    assert_int_equal(g.n_devices, 1);
    assert_int_equal(g.devices[0].kind, DMV_BACKING_INTERFACE);
    assert_string_equal(g.devices[0].what, "virbr0");

    /* a second one on the same bridge, then one of which nobody says more than the bridge */
    add_device(&g, DMV_BACKING_INTERFACE, "virbr0", "00:16:3e:00:00:02");
    assert_int_equal(g.n_devices, 2);
    add_device(&g, DMV_BACKING_INTERFACE, "virbr0", NULL);
    assert_int_equal(g.n_devices, 2);

    /* the disk was changed since: both count */
    add_device(&g, DMV_BACKING_BLOCK, "/dev/vg/a", "xvda");
    add_device(&g, DMV_BACKING_BLOCK, "/dev/vg/b", "xvda");
    assert_int_equal(g.n_devices, 4);

    /* one says that the node is a file */
    add_device(&g, DMV_BACKING_FILE, "/dev/vg/c", NULL);
    add_device(&g, DMV_BACKING_BLOCK, "/dev/vg/c", "xvdc");
    assert_int_equal(g.n_devices, 5);
    assert_int_equal(g.devices[4].kind, DMV_BACKING_BLOCK);
    assert_string_equal(g.devices[4].target, "xvdc");
}

/* libvirt defines it, XenStore has it running, a file has neither UUID nor number. */
static void test_merge_three(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0}, libvirt = {0}, store = {0}, config = {0};
    DmvGuest *x;

    (void)state;
    x = add(&store, DMV_CHANNEL_XENSTORE, "web", U1, 7);
    add_device(x, DMV_BACKING_BLOCK, "/dev/vg/web", "xvda");
    x = add(&config, DMV_CHANNEL_CONFIG, "web", NULL, -1);
    assert_int_equal(dmv_set_string(&x->boot, "bootloader pygrub"), 0);
    assert_int_equal(dmv_set_string(&x->type, "pv"), 0);
    (void)add(&config, DMV_CHANNEL_CONFIG, "alone", NULL, -1);
    x = add(&libvirt, DMV_CHANNEL_LIBVIRT, "web-of-libvirt", U1, -1);
    add_device(x, DMV_BACKING_BLOCK, "/dev/vg/web", NULL);

    assert_int_equal(dmv_guests_merge(&g, &store), 0);
    assert_int_equal(store.n, 0);
    assert_int_equal(dmv_guests_merge(&g, &config), 0);
    assert_int_equal(dmv_guests_merge(&g, &libvirt), 0);
    assert_int_equal(g.n, 2);
    assert_string_equal(g.items[0].name, "alone");
    x = &g.items[1];
    assert_string_equal(x->name, "web-of-libvirt");
    assert_string_equal(x->uuid, U1);
    assert_int_equal(x->id, 7);
    assert_int_equal(x->state, DMV_GUEST_RUNNING);
    assert_string_equal(x->type, "pv");
    assert_string_equal(x->boot, "bootloader pygrub");
    assert_int_equal(x->n_devices, 1);
    assert_string_equal(x->devices[0].target, "xvda");
    assert_int_equal(x->channels,
                     (1u << DMV_CHANNEL_LIBVIRT) | (1u << DMV_CHANNEL_XENSTORE) | (1u << DMV_CHANNEL_CONFIG));
    assert_int_equal(g.channels[DMV_CHANNEL_XENSTORE].state, DMV_CHANNEL_OK);
    assert_int_equal(g.channels[DMV_CHANNEL_XENSTORE].kind, DMV_CHANNEL_XENSTORE);
    assert_int_equal(g.channels[DMV_CHANNEL_XEND].state, DMV_CHANNEL_ABSENT);
    assert_int_equal(g.channels[DMV_CHANNEL_XEND].kind, DMV_CHANNEL_XEND);
}

/* Two of one name are two if their UUIDs say so; one without is the one that runs. */
static void test_merge_namesakes(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0}, from = {0}, config = {0};

    (void)state;
    (void)add(&from, DMV_CHANNEL_LIBVIRT, "web", U1, -1);
    (void)add(&from, DMV_CHANNEL_LIBVIRT, "web", U2, 4);
    assert_int_equal(dmv_guests_merge(&g, &from), 0);
    (void)add(&config, DMV_CHANNEL_CONFIG, "web", NULL, -1);
    (void)add(&config, DMV_CHANNEL_CONFIG, "web", NULL, -1);
    assert_int_equal(dmv_guests_merge(&g, &config), 0);
    assert_int_equal(g.n, 2);
    assert_int_equal(g.items[0].channels, 1u << DMV_CHANNEL_LIBVIRT);
    assert_int_equal(g.items[1].channels, (1u << DMV_CHANNEL_LIBVIRT) | (1u << DMV_CHANNEL_CONFIG));
    assert_int_equal(g.items[1].id, 4);
}

/* A channel that was asked again takes the place of what it said before. */
static void test_merge_channels_and_problems(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0}, from = {0};

    (void)state;
    from.channels[DMV_CHANNEL_CONFIG].state = DMV_CHANNEL_FAILED;
    assert_int_equal(dmv_set_string(&from.channels[DMV_CHANNEL_CONFIG].why, "libvirt does not answer"), 0);
    (void)dmv_problem_add(&from.problems, "etc/xen/web", DMV_MALFORMED, "no name");
    assert_int_equal(dmv_guests_merge(&g, &from), 0);
    assert_int_equal(from.problems.n, 0);
    from.channels[DMV_CHANNEL_CONFIG].state = DMV_CHANNEL_ABSENT;
    assert_int_equal(dmv_set_string(&from.channels[DMV_CHANNEL_CONFIG].why, "there is no /etc/xen"), 0);
    assert_int_equal(dmv_guests_merge(&g, &from), 0);
    assert_int_equal(g.channels[DMV_CHANNEL_CONFIG].state, DMV_CHANNEL_ABSENT);
    assert_string_equal(g.channels[DMV_CHANNEL_CONFIG].why, "there is no /etc/xen");
    assert_int_equal(g.problems.n, 1);
    assert_string_equal(g.problems.items[0].object, "etc/xen/web");
}

/* ---- random channels ---- */

static unsigned pick(uint64_t *seed, unsigned n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % n;
}

/* Guests as a host has them: few names and UUIDs, so that they meet. A name goes with one UUID, except that
 * now and then there is none. */
static void make_channel(uint64_t *seed, DmvChannelKind kind, DmvGuests *g)
{
    for (unsigned n = pick(seed, 12); n > 0; n--) {
        unsigned which = pick(seed, 8);
        bool has_uuid = kind != DMV_CHANNEL_CONFIG || pick(seed, 2);
        char name[16], uuid[DMV_UUID_SIZE], what[32];
        DmvGuest *x;

        (void)snprintf(name, sizeof(name), "guest-%u", which);
        (void)snprintf(uuid, sizeof(uuid), "%08u-0000-0000-0000-000000000001", which);
        x = add(g, kind, name, has_uuid ? uuid : NULL,
                kind == DMV_CHANNEL_CONFIG ? -1 : (int64_t)pick(seed, 9) - 4);
        if (x->id == 0)
            x->id = 9;
        for (unsigned d = pick(seed, 4); d > 0; d--) {
            (void)snprintf(what, sizeof(what), "/dev/vg/%u", pick(seed, 4));
            add_device(x, pick(seed, 2) ? DMV_BACKING_BLOCK : DMV_BACKING_FILE, what,
                       pick(seed, 2) ? "xvda" : NULL);
        }
    }
}

static void make_host(uint64_t seed, DmvGuests channels[3])
{
    make_channel(&seed, DMV_CHANNEL_LIBVIRT, &channels[0]);
    make_channel(&seed, DMV_CHANNEL_XENSTORE, &channels[1]);
    make_channel(&seed, DMV_CHANNEL_CONFIG, &channels[2]);
}

static bool has_backing(const DmvGuest *g, const char *what)
{
    for (size_t i = 0; i < g->n_devices; i++)
        if (strcmp(g->devices[i].what, what) == 0)
            return true;
    return false;
}

/* All that a channel told is in the list. */
static void assert_told(const DmvGuests *all, const DmvGuests *channel)
{
    for (size_t i = 0; i < channel->n; i++) {
        const DmvGuest *x = &channel->items[i], *y = dmv_guests_find(all, x->name);

        assert_non_null(y);
        assert_true((y->channels & x->channels) == x->channels);
        if (x->uuid)
            assert_string_equal(y->uuid, x->uuid);
        if (x->state == DMV_GUEST_RUNNING)
            assert_int_equal(y->state, DMV_GUEST_RUNNING);
        assert_true(y->id >= x->id);
        for (size_t d = 0; d < x->n_devices; d++)
            assert_true(has_backing(y, x->devices[d].what));
    }
}

static void assert_alike(const DmvGuests *a, const DmvGuests *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_string_equal(a->items[i].name, b->items[i].name);
        assert_true(dmv_streq(a->items[i].uuid, b->items[i].uuid));
        assert_int_equal(a->items[i].id, b->items[i].id);
        assert_int_equal(a->items[i].state, b->items[i].state);
        assert_int_equal(a->items[i].channels, b->items[i].channels);
        for (size_t d = 0; d < a->items[i].n_devices; d++)
            assert_true(has_backing(&b->items[i], a->items[i].devices[d].what));
    }
}

static void assert_in_order(const DmvGuests *g)
{
    for (size_t i = 1; i < g->n; i++)
        assert_true(strcmp(g->items[i - 1].name, g->items[i].name) < 0);
    for (size_t i = 0; i < g->n; i++)
        assert_int_equal(g->items[i].state, g->items[i].id >= 0 ? DMV_GUEST_RUNNING : DMV_GUEST_DEFINED);
}

static void test_random_channels(void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    uint64_t seed = (uint64_t)time(NULL);

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 300; round++, seed++) {
        DMV_CLEANUP_GUESTS DmvGuests first = {0};

        for (size_t o = 0; o < DMV_N_ELEMENTS(orders); o++) {
            DmvGuests told[3] = {{.n = 0}}, kept[3] = {{.n = 0}};
            DMV_CLEANUP_GUESTS DmvGuests g = {0};

            make_host(seed, told);
            make_host(seed, kept);
            for (size_t i = 0; i < 3; i++)
                assert_int_equal(dmv_guests_merge(&g, &told[orders[o][i]]), 0);
            assert_in_order(&g);
            for (size_t i = 0; i < 3; i++)
                assert_told(&g, &kept[i]);
            if (o > 0)
                assert_alike(&first, &g);
            /* once more changes nothing */
            for (size_t i = 0; o == 0 && i < 3; i++)
                assert_int_equal(dmv_guests_merge(&first, &kept[i]), 0);
            make_host(seed, kept);
            for (size_t i = 0; i < 3; i++)
                assert_int_equal(dmv_guests_merge(&g, &kept[i]), 0);
            assert_alike(&first, &g);
            for (size_t i = 0; i < 3; i++) {
                dmv_guests_deinit(&told[i]);
                dmv_guests_deinit(&kept[i]);
            }
        }
    }
}

/* ---- finding ---- */

static void test_find(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0}, from = {0};

    (void)state;
    (void)add(&from, DMV_CHANNEL_LIBVIRT, "a", U1, -1);
    /* somebody called it like the UUID of another one: a name comes first */
    (void)add(&from, DMV_CHANNEL_LIBVIRT, U1, U2, -1);
    assert_int_equal(dmv_guests_merge(&g, &from), 0);
    assert_string_equal(dmv_guests_find(&g, "a")->uuid, U1);
    assert_string_equal(dmv_guests_find(&g, U1)->uuid, U2);
    assert_string_equal(dmv_guests_find(&g, "22222222222222222222222222222222")->name, U1);
    assert_null(dmv_guests_find(&g, "b"));
    assert_null(dmv_guests_find(&g, ""));
}

static void test_know_running(void **state)
{
    DMV_CLEANUP_GUESTS DmvGuests g = {0};
    DMV_CLEANUP(dmv_problems_deinit) DmvProblems problems = {0};

    (void)state;
    assert_false(dmv_guests_know_running(&g));
    assert_int_equal(dmv_guests_set_channel(&g, DMV_CHANNEL_CONFIG, DMV_CHANNEL_OK, NULL), 0);
    assert_int_equal(dmv_guests_set_channel(&g, DMV_CHANNEL_HYPERVISOR, DMV_CHANNEL_OK, NULL), 0);
    assert_int_equal(dmv_guests_set_channel(&g, DMV_CHANNEL_LIBVIRT, DMV_CHANNEL_FAILED, "it hangs"), 0);
    assert_false(dmv_guests_know_running(&g));
    assert_int_equal(dmv_guests_set_channel(&g, DMV_CHANNEL_XENSTORE, DMV_CHANNEL_OK, NULL), 0);
    assert_true(dmv_guests_know_running(&g));
    (void)dmv_problem_add(&g.problems, "guest odd", DMV_MALFORMED, "its XML ends early");
    dmv_guests_collect_problems(&g, &problems);
    assert_int_equal(problems.n, 2);
    assert_string_equal(problems.items[0].why, "guests that only this channel knows are left out: it hangs");
    assert_string_equal(problems.items[1].object, "guest odd");
    assert_int_equal(dmv_guests_set_channel(&g, DMV_CHANNEL_XENSTORE, DMV_CHANNEL_FAILED, NULL), 0);
    assert_int_equal(dmv_guests_set_channel(&g, DMV_CHANNEL_LIBVIRT, DMV_CHANNEL_OK, NULL), 0);
    assert_null(g.channels[DMV_CHANNEL_LIBVIRT].why);
    assert_true(dmv_guests_know_running(&g));
}

static void test_find_footing(void **state)
{
    DmvFooting items[] = {{.kind = DMV_BACKING_INTERFACE, .what = (char *)"br0"},
                          {.kind = DMV_BACKING_INTERFACE, .what = (char *)"br1"},
                          {.kind = DMV_BACKING_PCI, .what = (char *)"0000:03:00.0"}};
    const DmvFootings f = {items, 3}, none = {0};

    (void)state;
    assert_ptr_equal(
        dmv_footings_find(&f, &(DmvGuestDevice){.kind = DMV_BACKING_INTERFACE, .what = (char *)"br1"}),
        &items[1]);
    assert_ptr_equal(
        dmv_footings_find(&f, &(DmvGuestDevice){.kind = DMV_BACKING_PCI, .what = (char *)"0000:03:00.0"}),
        &items[2]);
    assert_null(dmv_footings_find(&f, &(DmvGuestDevice){.kind = DMV_BACKING_OTHER, .what = (char *)"br1"}));
    assert_null(
        dmv_footings_find(&none, &(DmvGuestDevice){.kind = DMV_BACKING_OTHER, .what = (char *)"br1"}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),           cmocka_unit_test(test_uuids),
        cmocka_unit_test(test_backings),        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_same_device),     cmocka_unit_test(test_merge_three),
        cmocka_unit_test(test_merge_namesakes), cmocka_unit_test(test_merge_channels_and_problems),
        cmocka_unit_test(test_random_channels), cmocka_unit_test(test_find),
        cmocka_unit_test(test_know_running),    cmocka_unit_test(test_find_footing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
